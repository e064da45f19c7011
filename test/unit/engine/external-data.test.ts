import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EngineError } from '../../../src/engine/backbone.js';
import { loadBackbone } from '../../../src/engine/index.js';
import { inspectModel } from '../../../src/engine/inspect.js';
import type { OnnxTensor } from '../../../src/engine/onnx/model.js';
import { dataTypes } from '../../../src/engine/onnx/model.js';
import { readOnnx } from '../../../src/engine/onnx/read.js';
import { expandSparse } from '../../../src/engine/onnx/sparse.js';
import { prepareModel } from '../../../src/engine/prepare.js';
import { interpretGraph, relativeError } from '../../support/interpret-graph.js';
import { runOnnxRuntime } from '../../support/networks/reference.js';
import { nativeOrReason } from '../../support/networks/run-sparse.js';
import { tinyOptions } from './fixtures.js';
import { graphOf, imageFor } from './graph/graphs.js';
import type { ModelSpec } from './synthetic.js';
import { buildModel, classifierSpec } from './synthetic.js';

// Models whose weights lie in files beside them. ONNX Runtime, given the path, says what they mean.

let root: string;
let folders = 0;
before(() => {
  root = mkdtempSync(join(tmpdir(), 'headwater-external-'));
});
after(() => rmSync(root, { recursive: true }));

const options = { ...tinyOptions, image: { ...tinyOptions.image, size: 8, resize: 8 } };
const inline = classifierSpec('Gemm', ['flat']);
const filters = Float32Array.from(inline.weights!.filters!.values);

interface Entries {
  [key: string]: string;
}

/** The small classifier with its filters elsewhere; in a folder of its own, with files beside it. */
function write(
  entries: Entries,
  files: Record<string, Uint8Array> = { 'weights.bin': bytesOf(filters) },
  more = {},
): string {
  const folder = join(root, `model${folders++}`);
  mkdirSync(folder);
  const { filters: _, ...weights } = inline.weights!;
  const external = { filters: { dims: [4, 3, 1, 1], entries } };
  writeFileSync(join(folder, 'model.onnx'), buildModel({ ...inline, weights, external, ...more } as ModelSpec));
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return join(folder, 'model.onnx');
}

function bytesOf(values: Float32Array, before = 0): Uint8Array {
  const bytes = new Uint8Array(before + values.byteLength).fill(0xee);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), before);
  return bytes;
}

const whole = { location: 'weights.bin', offset: '0', length: String(filters.byteLength) };
const prepare = (model: string) => prepareModel({ ...options, model });

const placements: [string, Entries, Record<string, Uint8Array>][] = [
  ['with offset, length and checksum', { ...whole, checksum: 'abc' }, { 'weights.bin': bytesOf(filters) }],
  [
    'behind other values',
    { location: 'weights.bin', offset: '4096', length: '48' },
    { 'weights.bin': bytesOf(filters, 4096) },
  ],
  ['without a length', { location: 'weights.bin' }, { 'weights.bin': bytesOf(filters) }],
  ['in a folder below', { location: 'parts/1/w' }, { 'parts/1/w': bytesOf(filters) }],
  ['under a name with dots', { location: './..weights' }, { '..weights': bytesOf(filters) }],
];
for (const [name, entries, files] of placements) {
  test(`weights in a file beside the model are read: ${name}`, async () => {
    const model = write(entries, files);
    const prepared = await prepare(model);
    const graph = graphOf(prepared.bytes);
    const image = imageFor(graph, 2, 3);
    const expected = await runOnnxRuntime(model, image);
    assert.equal(relativeError(await runOnnxRuntime(prepared.bytes, image), expected), 0);
    assert.ok(relativeError(interpretGraph(graph, image), expected) < 1e-6);
    assert.equal(prepared.sparsity, 0.5);
  });
}

test('ONNX Runtime runs such a model as a backbone, and inspect tells of its weights', async () => {
  const model = write(whole);
  const backbone = await loadBackbone({ ...options, engine: 'onnxruntime', model }, () => {});
  const { embeddings } = await backbone.embed([{ kind: 'input', count: 1, data: new Float32Array(192).fill(1) }]);
  assert.deepEqual([...embeddings], [1, 1, 1, 0.25]);
  assert.equal(backbone.info.sparsity, 0.5);
  await backbone.close();
  const report = await inspectModel({ model });
  assert.deepEqual(report.unsupported, []);
  assert.equal(report.graph!.totals.nonZeros, 6);
  assert.equal(report.sparsity, 0.5);
});

test('the sparse engine runs it, too', { skip: nativeOrReason().skip }, async () => {
  const backbone = await loadBackbone({ ...options, engine: 'sparse', model: write(whole) }, () => {});
  assert.equal(backbone.info.engine, 'sparse');
  const { embeddings } = await backbone.embed([{ kind: 'input', count: 1, data: new Float32Array(192).fill(1) }]);
  assert.deepEqual([...embeddings], [1, 1, 1, 0.25]);
  await backbone.close();
});

test('what is left of the model has nothing elsewhere any more, nor what it does not need', async () => {
  const missing = { dims: [7], entries: { location: 'never-written.bin' } };
  const spec = { ...classifierSpec('Gemm', ['flat', 'scores']), external: { unneeded: missing } };
  spec.nodes.push({ op: 'Mul', inputs: ['scores', 'unneeded'], outputs: ['z'] });
  const model = join(root, 'unneeded.onnx');
  writeFileSync(model, buildModel(spec));
  const { graph } = readOnnx((await prepare(model)).bytes, 'model');
  assert.deepEqual(
    graph.initializers.map((tensor) => [tensor.name, tensor.external]),
    [['filters', undefined]],
  );
  assert.equal((await inspectModel({ model })).graph!.dimensions, 4);
});

test('the values of a Constant may lie elsewhere, too', async () => {
  const { filters: _, ...weights } = inline.weights!;
  const constant = {
    op: 'Constant',
    name: 'made',
    inputs: [],
    outputs: ['filters'],
    attributes: { value: { external: { dims: [4, 3, 1, 1], entries: whole } } },
  };
  const model = write(whole, undefined, { weights, external: {}, nodes: [constant, ...inline.nodes] });
  const graph = graphOf((await prepare(model)).bytes);
  const { operation } = graph.nodes[0]!;
  assert.ok(operation.type === 'Conv');
  assert.deepEqual(operation.weights, filters);
  const wrong = {
    ...constant,
    attributes: { value: { external: { dims: [4, 3, 1, 1], entries: { location: 'no' } } } },
  };
  await refused(
    write(whole, undefined, { weights, external: {}, nodes: [wrong, ...inline.nodes] }),
    /a tensor of the node "made".*"no"/,
  );
});

test('the identity covers the values that are used, and where they lie only by the model', async () => {
  const changed = Float32Array.from(filters);
  changed[5] = 3;
  const identities = await Promise.all(
    [
      write(whole),
      write(whole, { 'weights.bin': bytesOf(changed) }),
      write(whole, { 'weights.bin': Uint8Array.from([...bytesOf(filters), 1, 2, 3]) }),
    ].map(async (model) => (await prepare(model)).identity),
  );
  assert.notEqual(identities[0], identities[1]);
  assert.equal(identities[0], identities[2], 'bytes that nothing reads do not count');
});

async function refused(model: string, message: RegExp, code = 'model_unreadable'): Promise<void> {
  for (const opening of [prepare, (path: string) => inspectModel({ model: path })]) {
    await assert.rejects(opening(model), (error) => {
      assert.ok(error instanceof EngineError, `${error}`);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.ok(error.message.startsWith(model));
      return true;
    });
  }
}

const outside = [
  '../secret.bin',
  '/etc/passwd',
  'a/../../secret.bin',
  '..',
  '\\\\host\\share',
  'C:\\w.bin',
  'a\\..\\..\\b',
  '',
];
for (const location of [...outside, 'w\0.bin', '*/_ORT_MEM_ADDR_/*/..']) {
  test(`the location ${JSON.stringify(location)} is refused with tensor and node`, async () => {
    writeFileSync(join(root, 'secret.bin'), bytesOf(filters));
    await refused(write({ location }), /the tensor "filters" of the node "conv".*no path inside the folder/);
  });
}

test('a link that leads out of the folder is refused; one inside is followed', async () => {
  const model = write({ location: 'link.bin' });
  writeFileSync(join(root, 'secret.bin'), bytesOf(filters));
  symlinkSync('../secret.bin', join(model, '../link.bin'));
  await refused(model, /"filters" of the node "conv".*"link.bin", which leads out/);
  const above = write({ location: 'up/secret.bin' });
  symlinkSync('..', join(above, '../up'));
  await refused(above, /leads out/);
  const good = write({ location: 'link.bin' });
  symlinkSync('weights.bin', join(good, '../link.bin'));
  assert.equal((await prepare(good)).sparsity, 0.5);
  const circle = write({ location: 'circle' });
  symlinkSync('circle', join(circle, '../circle'));
  await refused(circle, /can't be read/);
});

test('what is no plain file is refused without waiting for it', async () => {
  await refused(write({ location: 'parts' }, { 'parts/w': bytesOf(filters) }), /no plain file/);
  const pipe = write({ location: 'pipe' });
  execFileSync('mkfifo', [join(pipe, '../pipe')]);
  await refused(pipe, /no plain file/);
});

const wrong: [string, Entries, RegExp][] = [
  ['a file that is not there', { location: 'gone.bin' }, /"gone.bin", which is not there/],
  ['a memory address for a location', { location: '*/_ORT_MEM_ADDR_/*', offset: '140000000000000' }, /is not there/],
  ['no location', {}, /no path inside/],
  ['a file that ends too early', { ...whole, offset: '1' }, /has 48 bytes: bytes 1 to 49/],
  ['an offset far behind the end', { ...whole, offset: '900000000000000' }, /has 48 bytes/],
  ['an offset that is no number', { ...whole, offset: '-4' }, /offset "-4"/],
  ['an offset that overflows', { ...whole, offset: '9'.repeat(40) }, /no whole number/],
  ['a length that does not go with the shape', { ...whole, length: '44' }, /needs 48 bytes, but its entry says "44"/],
  ['a length that is no number', { ...whole, length: '0x30' }, /says "0x30"/],
];
for (const [name, entries, message] of wrong) {
  test(`${name} is refused with tensor and node`, () =>
    refused(write(entries), new RegExp(`"filters" of the node "conv".*${message.source}`)));
}

test('shapes that claim more than the file holds, or than a model may, ask for no memory', async () => {
  const claim = (dims: number[], type?: number) => ({
    external: { filters: { dims, type, entries: { location: 'weights.bin' } } },
  });
  const before = process.memoryUsage().rss;
  await refused(write(whole, undefined, claim([2 ** 20, 3, 10, 10])), /has 48 bytes/);
  await refused(write(whole, undefined, claim([2 ** 28, 3, 1, 1])), /2147483647 is the limit/, 'model_unsupported');
  await refused(write(whole, undefined, claim([2 ** 40, 2 ** 40])), /impossible shape/);
  await refused(write(whole, undefined, claim([-4, -3, 1, 1])), /impossible shape/);
  await refused(write(whole, undefined, claim([12], 8)), /of type 8, which is not read from there/);
  // A file with a hole of a gigabyte, read many times over.
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`w${i}`, { dims: [4, 3, 1000, 1000], entries: { location: 'hole.bin' } }]),
  );
  const nodes = Object.keys(many).map((w, i) => ({
    op: 'Conv',
    inputs: [i === 0 ? 'image' : `t${i - 1}`, w],
    outputs: [`t${i}`],
  }));
  const model = write(whole, { 'hole.bin': new Uint8Array(0) }, { external: many, nodes, outputs: [{ name: 't19' }] });
  truncateSync(join(model, '../hole.bin'), 48_000_000);
  await refused(model, /"w4" of the node "t4".*use 240000000/);
  assert.ok(process.memoryUsage().rss - before < 200e6);
});

test('sparse weights elsewhere are refused', () => {
  const tensor = (name: string, dataType: number): OnnxTensor => ({
    ...{ name, dataType, dims: [1], raw: undefined, floats: [1], doubles: [], int32s: [], int64s: [0] },
  });
  const indices = tensor('i', dataTypes.int64);
  const values = tensor('v', dataTypes.float);
  assert.equal(typeof expandSparse({ values, indices, dims: [4] }), 'object');
  for (const elsewhere of [
    { values: { ...values, external: true as const }, indices },
    { values, indices: { ...indices, external: true as const } },
  ]) {
    assert.match(String(expandSparse({ ...elsewhere, dims: [4] })), /"v" lies in another file/);
  }
});
