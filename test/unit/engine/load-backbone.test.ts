import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Backbone, BackboneOptions } from '../../../src/engine/index.js';
import { EngineError, loadBackbone } from '../../../src/engine/index.js';
import { loadNative } from '../../../src/native/index.js';
import { mobilenetOptions, somePixels, squeezenetOptions, tinyModel, tinyOptions, unlessPresent } from './fixtures.js';
import type { Dimension, ModelSpec } from './synthetic.js';
import { buildModel, classifierSpec } from './synthetic.js';

const timeout = 300_000;
const native = loadNative();

/** Pixels are taken as they are, so that results can be worked out by hand. */
const plain: BackboneOptions = {
  ...tinyOptions,
  name: 'plain',
  image: { size: 8, resize: 8, channels: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1] },
};

describe('models that are written to a file', { timeout }, () => {
  let folder: string;
  let files = 0;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'headwater-engine-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function loadBytes(bytes: Uint8Array, options: Partial<BackboneOptions> = {}) {
    const model = join(folder, `model${files++}.onnx`);
    writeFileSync(model, bytes);
    const lines: string[] = [];
    const backbone = await loadBackbone({ ...plain, ...options, model }, (line) => lines.push(line));
    return { backbone, lines };
  }
  const loadSpec = (spec: ModelSpec, options: Partial<BackboneOptions> = {}) => loadBytes(buildModel(spec), options);

  /** Images of one colour each: their embedding is the convolution of that colour. */
  async function checkColours(backbone: Backbone): Promise<void> {
    const colours = [
      [10, 20, 40],
      [0, 0, 0],
      [255, 1, 2],
    ];
    const data = Uint8Array.from(colours.flatMap((colour) => new Array(64).fill(colour).flat()));
    const { embeddings } = await backbone.embed([{ kind: 'pixels', count: 3, data }]);
    const expected = colours.flatMap(([r, g, b]) => [r!, g!, b!, 0.5 * r! + 0.25 * g! - 0.5 * b!]);
    assert.equal(embeddings.length, expected.length);
    for (const [i, value] of expected.entries()) assert.ok(Math.abs(embeddings[i]! - value) < 1e-3, `value ${i}`);
  }

  test('an embedding of shape [N,D,1,1] is flattened', async () => {
    const { backbone } = await loadSpec(classifierSpec('Gemm', ['pooled', 'scores']));
    assert.equal(backbone.dimensions, 4);
    await checkColours(backbone);
    await backbone.close();
  });

  for (const tail of ['Gemm', 'MatMul', 'MatMulAdd'] as const) {
    test(`class logits first (${tail}): the embedding is what goes in, and the log says so`, async () => {
      const { backbone, lines } = await loadSpec(classifierSpec(tail, ['probabilities']));
      assert.equal(backbone.info.output, 'flat');
      assert.equal(backbone.info.sparsity, 0.5);
      assert.ok(lines.some((line) => /"flat".*"probabilities" is class logits/.test(line)));
      await checkColours(backbone);
      await backbone.close();
    });
  }

  test('an inner tensor by name', async () => {
    const { backbone } = await loadSpec(classifierSpec('Gemm', ['scores']), { output: 'pooled' });
    assert.equal(backbone.info.output, 'pooled');
    await checkColours(backbone);
    await backbone.close();
  });

  for (const batch of [1, 2, 4]) {
    test(`a fixed batch of ${batch} runs in parts`, async () => {
      const { backbone, lines } = await loadSpec(classifierSpec('Gemm', ['flat'], batch));
      assert.ok(lines.some((line) => line.includes(`exactly ${batch} image`)));
      await checkColours(backbone);
      await backbone.close();
    });
  }

  test('a batch that only claims to be dynamic runs one by one', async () => {
    const spec = classifierSpec('Gemm', ['one']);
    spec.nodes.push({ op: 'Reshape', inputs: ['pooled', 'shape'], outputs: ['one'] });
    spec.int64s = { shape: [1, 4] };
    const { backbone, lines } = await loadSpec(spec);
    assert.ok(lines.some((line) => line.includes('exactly 1 image')));
    await checkColours(backbone);
    await backbone.close();
  });

  test('embeddings that are not finite fail their call only', async () => {
    const spec = classifierSpec('Gemm', ['root']);
    spec.nodes.push({ op: 'Sqrt', inputs: ['flat'], outputs: ['root'] });
    const { backbone } = await loadSpec(spec);
    const grey = () => new Float32Array(192).fill(1);
    const bad = backbone.embed([{ kind: 'input', count: 2, data: new Float32Array(384).fill(1).fill(-1, 192) }]);
    const good = backbone.embed([{ kind: 'input', count: 1, data: grey() }]);
    await assert.rejects(bad, { code: 'run_failed', message: /image 1 of 2 holds NaN/ });
    assert.equal((await good).embeddings.length, 4);
    await backbone.close();
  });

  async function refused(loading: Promise<{ backbone: Backbone }>, code: string, message: RegExp): Promise<void> {
    await assert.rejects(loading, (error) => {
      assert.ok(error instanceof EngineError, `${error}`);
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.match(error.message, /model\d+\.onnx: |backbone /);
      return true;
    });
  }
  const withInput = (shape: Dimension[], type?: number): ModelSpec => {
    const spec = classifierSpec('Gemm', ['flat']);
    return { ...spec, inputs: [{ name: 'image', shape, ...(type === undefined ? {} : { type }) }] };
  };

  test('inputs that are no batch of images are refused', async () => {
    await refused(loadSpec(withInput(['N', 3, 9, 8])), 'settings_invalid', /9 x 8 pixels, but image.size is 8/);
    await refused(loadSpec(withInput(['N', 1, 8, 8])), 'model_unsupported', /\[N, 1, 8, 8\]/);
    await refused(loadSpec(withInput(['N', 8, 8, 3])), 'model_unsupported', /channels last/);
    await refused(loadSpec(withInput(['N', 3, 8])), 'model_unsupported', /\[N, 3, 8\]/);
    await refused(loadSpec(withInput(['N', 3, 8, 8], 11)), 'model_unsupported', /double, not float32/);
    const two = classifierSpec('Gemm', ['sum']);
    two.inputs.push({ name: 'other', shape: ['N', 4] });
    two.nodes.push({ op: 'Sum', inputs: ['flat', 'other'], outputs: ['sum'] });
    await refused(loadSpec(two), 'model_unsupported', /2 inputs: "image", "other"/);
  });

  test('models that ONNX Runtime refuses, or that fail in the trial, are refused by name', async () => {
    const unknown = classifierSpec('Gemm', ['what']);
    unknown.nodes.push({ op: 'NoSuchOperator', inputs: ['flat'], outputs: ['what'] });
    await refused(loadSpec(unknown), 'model_unsupported', /ONNX Runtime can't load this model .*NoSuchOperator/);
    const infinite = classifierSpec('Gemm', ['out']);
    infinite.nodes.push({ op: 'Div', inputs: ['flat', 'zero'], outputs: ['out'] });
    infinite.weights!.zero = { dims: [1], values: [0] };
    await refused(loadSpec(infinite), 'model_unsupported', /trial with one grey image.*image\.scale/);
    const dynamic = withInput(['N', 3, 'H', 'W']);
    dynamic.nodes.push({ op: 'Reshape', inputs: ['maps', 'shape'], outputs: ['fixed'] });
    dynamic.int64s = { shape: [-1, 4, 49] };
    dynamic.outputs = [{ name: 'fixed' }];
    await refused(loadSpec(dynamic), 'model_unsupported', /8 x 8 failed/);
  });

  test('files that are no model are refused', async () => {
    await refused(loadBytes(new Uint8Array(0)), 'model_unreadable', /empty/);
    await refused(loadBytes(Buffer.from('just some text\n')), 'model_unreadable', /not an ONNX model/);
    const tiny = readFileSync(tinyModel);
    for (const length of [1, 10, 1000, tiny.length >> 1, tiny.length - 1]) {
      await refused(loadBytes(tiny.subarray(0, length)), 'model_unreadable', /cut off/);
    }
    await refused(loadBytes(tiny, { model: folder, output: 'nope' }), 'output_unknown', /"features"/);
  });

  test('a small model with any byte changed loads or is refused', async () => {
    const bytes = buildModel(classifierSpec('Gemm', ['scores']));
    let outcomes = 0;
    for (let at = 0; at < bytes.length; at += 23) {
      const damaged = Uint8Array.from(bytes);
      damaged[at]! ^= 0x15;
      try {
        await (await loadBytes(damaged)).backbone.close();
      } catch (error) {
        assert.ok(error instanceof EngineError, `byte ${at}: ${error}`);
      }
      outcomes++;
    }
    assert.ok(outcomes > 20);
  });
});

test('a folder in the place of a model is refused', async () => {
  await assert.rejects(
    loadBackbone({ ...tinyOptions, model: tmpdir() }, () => {}),
    {
      code: 'model_unreadable',
      message: /this is a folder/,
    },
  );
});

for (const engine of ['sparse', 'auto'] as const) {
  test(`engine ${engine}: a model with an operator that has no plan runs on ONNX Runtime, with one warning`, {
    timeout,
  }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-fallback-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const spec = classifierSpec('Gemm', ['root']);
    spec.nodes.push({ op: 'Abs', inputs: ['flat'], outputs: ['plus'] });
    spec.nodes.push({ name: 'the/root', op: 'Sqrt', inputs: ['plus'], outputs: ['root'] });
    const model = join(folder, 'odd.onnx');
    writeFileSync(model, buildModel(spec));
    const warnings: string[] = [];
    const backbone = await loadBackbone({ ...plain, model, engine }, (line, level) => {
      if (level === 'warn') warnings.push(line);
    });
    assert.equal(backbone.info.engine, 'onnxruntime');
    assert.equal(warnings.length, 1, warnings.join('\n'));
    assert.match(warnings[0]!, /^backbone plain: ONNX Runtime runs it, not the sparse engine: /);
    // Without the addon that is the reason, and how to get it; with it, the node.
    assert.match(warnings[0]!, native.kind === 'absent' ? /npm run setup/ : /node ".*" \((Abs|Sqrt)\).*/);
    await backbone.close();
  });
}

test('auto measures and takes one of the engines; all cores by default', { timeout }, async () => {
  const lines: string[] = [];
  const backbone = await loadBackbone({ ...tinyOptions, engine: 'auto', threads: 0 }, (line) => lines.push(line));
  assert.ok(backbone.info.threads >= 1);
  const { embeddings } = await backbone.embed([{ kind: 'pixels', count: 1, data: somePixels(1, 96, 1) }]);
  assert.equal(embeddings.length, 256);
  if (native.kind === 'native') {
    const chosen = lines.find((line) => line.includes('engine auto takes')) ?? '';
    assert.match(chosen, /ratio \d+\.\d\d \(.* to .*, \d+ interleaved pairs/);
    assert.ok(chosen.includes(backbone.info.engine === 'sparse' ? 'the sparse engine:' : 'ONNX Runtime:'), chosen);
  }
  await backbone.close();
});

test('settings that make no sense are refused by key', async () => {
  const { image } = tinyOptions;
  const bad: [Partial<BackboneOptions>, RegExp][] = [
    [{ threads: -1 }, /threads/],
    [{ threads: 1.5 }, /threads/],
    [{ image: { ...image, size: 0 } }, /image\.size/],
    [{ image: { ...image, resize: 95 } }, /image\.resize/],
    [{ image: { ...image, scale: 0 } }, /image\.scale/],
    [{ image: { ...image, mean: [0, Number.NaN, 0] } }, /image\.mean/],
    [{ image: { ...image, std: [1, 0, 1] } }, /image\.std/],
  ];
  for (const [change, message] of bad) {
    await assert.rejects(
      loadBackbone({ ...tinyOptions, ...change }, () => {}),
      { code: 'settings_invalid', message },
    );
  }
});

test('threads that wait for work do not spin', { timeout }, async () => {
  const backbone = await loadBackbone({ ...tinyOptions, threads: 2 }, () => {});
  const shares: number[] = [];
  for (let attempt = 0; attempt < 5; attempt++) {
    await backbone.embed([{ kind: 'pixels', count: 4, data: somePixels(4, 96, attempt) }]);
    const before = process.cpuUsage();
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 30));
    const used = process.cpuUsage(before);
    shares.push((used.user + used.system) / 1000 / (performance.now() - start));
  }
  await backbone.close();
  assert.ok(
    Math.min(...shares) < 0.4,
    `cores in use while idle: ${shares.map((share) => share.toFixed(2)).join(', ')}`,
  );
});

test('MobileNetV1: named features and default agree, logits by name', {
  timeout,
  skip: unlessPresent(mobilenetOptions.model),
}, async () => {
  const image = () => [{ kind: 'pixels', count: 1, data: somePixels(1, 224, 3) } as const];
  const embeddings: Float32Array[] = [];
  for (const output of [undefined, 'features', 'logits']) {
    const backbone = await loadBackbone({ ...mobilenetOptions, output }, () => {});
    assert.equal(backbone.info.output, output ?? 'features');
    assert.equal(backbone.dimensions, output === 'logits' ? 1000 : 1024);
    embeddings.push((await backbone.embed(image())).embeddings);
    await backbone.close();
  }
  assert.deepEqual(embeddings[0], embeddings[1]);
});

test('pruned SqueezeNet: 512 features; 66.6 % zeros with its classifier, as its card says', {
  timeout,
  skip: unlessPresent(squeezenetOptions.model),
}, async () => {
  const backbone = await loadBackbone({ ...squeezenetOptions, output: 'features' }, () => {});
  assert.equal(backbone.dimensions, 512);
  const { embeddings } = await backbone.embed([{ kind: 'pixels', count: 2, data: somePixels(2, 227, 3) }]);
  assert.equal(embeddings.length, 1024);
  await backbone.close();
  const whole = await loadBackbone({ ...squeezenetOptions, output: 'logits' }, () => {});
  assert.ok(Math.abs(whole.info.sparsity - 0.666) < 0.001, `${whole.info.sparsity}`);
  assert.ok(backbone.info.sparsity < whole.info.sparsity);
  await whole.close();
});
