import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise } from '../../src/engine/graph/optimise.js';
import { interpretGraph, relativeError } from '../support/interpret-graph.js';
import { networks } from '../support/networks/all.js';
import { assertAlive, runOnnxRuntime } from '../support/networks/reference.js';
import { firstImages, nativeOrReason, planWhole, withExecutor } from '../support/networks/run-sparse.js';
import { graphOf, imageFor, tolerance } from '../unit/engine/graph/graphs.js';
import { buildModel } from '../unit/engine/synthetic.js';

// Every architecture that the sparse engine is there for, whole: against ONNX Runtime, as a graph in plain loops and on the engine.

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
