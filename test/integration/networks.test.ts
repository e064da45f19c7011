import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise } from '../../src/engine/graph/optimise.js';
import { interpretGraph, relativeError } from '../support/interpret-graph.js';
import { networks } from '../support/networks/all.js';
import { assertAlive, runOnnxRuntime } from '../support/networks/reference.js';
import { firstImages, nativeOrReason, planWhole, withExecutor } from '../support/networks/run-sparse.js';
import { graphOf, imageFor, tolerance, tryGraph } from '../unit/engine/graph/graphs.js';
import { buildModel } from '../unit/engine/synthetic.js';

// Every architecture that the sparse engine is there for, whole: against ONNX Runtime, as a graph in plain loops and on the engine.

const full = process.env.HEADWATER_TEST_FULL === '1';
const batch = 3;
const { native, skip } = nativeOrReason();

test('there is a network of each architecture', () => {
  const wanted = [
    'ResNet-18 v1',
    'ResNet-34',
    'ResNet-50 v1',
    'ResNet-50 v1.5',
    'ResNet-50 v2',
    'ResNeXt-50',
    'VGG-16',
  ];
  wanted.push('MobileNetV1', 'MobileNetV2', 'SqueezeNet', 'DenseNet', 'YOLOv3', 'YOLOv5', 'YOLACT');
  const found = (name: string) =>
    networks.some((network) => network.name === name || network.name.startsWith(`${name},`));
  assert.deepEqual(
    wanted.filter((name) => !found(name) && !networks.some((network) => network.name.startsWith(`${name} `))),
    [],
  );
});

for (const { name, spec } of networks) {
  test(name, async (t) => {
    const bytes = buildModel(spec());
    const { graph } = optimise(graphOf(bytes));
    const images = imageFor(graph, batch, 5);
    const expected = await runOnnxRuntime(bytes, images);
    const each = expected.data.length / batch;

    await t.test('the network is alive, and the graph in plain loops computes what ONNX Runtime does', () => {
      assertAlive(expected, name);
      const image = { dims: images.dims.with(0, 1), data: images.data.slice(0, images.data.length / batch) };
      const error = relativeError(interpretGraph(graph, image), { data: expected.data.subarray(0, each) });
      assert.ok(error <= tolerance, `${error} off`);
    });

    await t.test('every node is in the plan', () => {
      assert.equal(planWhole(graph).output.length, each);
    });

    for (const isa of ['auto', 'avx2', 'scalar'] as const) {
      const cannot = skip || (isa === 'auto' || native?.isas.includes(isa) ? false : `this machine has no ${isa}`);
      await t.test(
        `the engine (${isa}) computes what ONNX Runtime does, one image and three`,
        { skip: cannot },
        async () => {
          await withExecutor(native!, planWhole(graph), { isa, threads: isa === 'auto' ? 2 : 1 }, async (executor) => {
            for (const count of [1, batch]) {
              const { embeddings } = await executor.run([firstImages(images.data, batch, count)]);
              const reference = { data: expected.data.subarray(0, each * count) };
              const error = relativeError({ dims: [count, each], data: embeddings }, reference);
              assert.ok(error <= tolerance, `${count} images: ${error} off`);
            }
          });
        },
      );
    }
  });
}

const long = full ? false : 'hundreds of plans: HEADWATER_TEST_FULL=1 runs it';
for (const { name, spec } of networks) {
  test(`${name}, cut at inner tensors, computes what its graph does in plain loops`, {
    skip: skip || long,
  }, async () => {
    const model = spec();
    const bytes = buildModel(model);
    const tensors = model.nodes.filter(({ op }) => op !== 'Shape').flatMap(({ outputs }) => outputs);
    const step = Math.max(1, Math.floor(tensors.length / 12));
    let cuts = 0;
    for (const tensor of tensors.filter((_, index) => index % step === 0)) {
      const built = tryGraph(bytes, tensor);
      // The sizes of a Resize are computed in the graph, too.
      if (built.kind !== 'graph' && /does not depend on the image/.test(built.problems[0]!.reason)) continue;
      const graph = graphOf(bytes, tensor);
      const image = imageFor(graph, 1, 7);
      const expected = interpretGraph(graph, image);
      await withExecutor(native!, planWhole(optimise(graph).graph), { isa: 'auto', threads: 2 }, async (executor) => {
        const { embeddings } = await executor.run([{ kind: 'input', count: 1, data: image.data }]);
        const error = relativeError({ dims: [], data: embeddings }, expected);
        assert.ok(error <= tolerance, `${tensor}: ${error} off`);
      });
      cuts++;
    }
    assert.ok(cuts >= 10, `${cuts} cuts`);
  });
}
