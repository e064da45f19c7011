import assert from 'node:assert/strict';
import { test } from 'node:test';
import { optimise } from '../../src/engine/graph/optimise.js';
import { interpretGraph, relativeError } from '../support/interpret-graph.js';
import { networks } from '../support/networks/all.js';
import { assertAlive, runOnnxRuntime } from '../support/networks/reference.js';
import { graphOf, imageFor, tolerance } from '../unit/engine/graph/graphs.js';
import { buildModel } from '../unit/engine/synthetic.js';

// Every architecture of the sparse engine, whole, against ONNX Runtime.

test('there is a network of each architecture', () => {
  const wanted = ['ResNet-18', 'ResNet-34', 'ResNet-50 v1', 'ResNet-50 v1.5', 'ResNet-50 v2', 'ResNeXt', 'MobileNetV1'];
  wanted.push('MobileNetV2', 'MobileNetV3', 'SqueezeNet', 'VGG', 'DenseNet', 'YOLOv3', 'YOLOv5', 'YOLACT');
  for (const name of wanted)
    assert.ok(
      networks.some((network) => network.name.startsWith(name)),
      name,
    );
});

for (const { name, spec } of networks) {
  test(`${name}: the graph, optimised, computes what ONNX Runtime does`, async () => {
    const bytes = buildModel(spec());
    const { graph } = optimise(graphOf(bytes));
    const image = imageFor(graph, 1, 5);
    const expected = await runOnnxRuntime(bytes, image);
    assertAlive(expected, name);
    const error = relativeError(interpretGraph(graph, image), expected);
    assert.ok(error <= tolerance, `${error} off`);
  });
}
