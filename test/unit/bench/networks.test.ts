import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { correlation } from '../../../bench/measure/statistics.js';
import type { Architecture } from '../../../bench/networks/architecture.js';
import { ArchitectureBuilder, weightCount } from '../../../bench/networks/architecture.js';
import { measureRanges } from '../../../bench/networks/calibrate.js';
import { cutAt } from '../../../bench/networks/cut.js';
import { erdosRenyiKernel, uniform } from '../../../bench/networks/density.js';
import { mobilenetV1 } from '../../../bench/networks/mobilenet.js';
import { keepLargest, prunePointwise } from '../../../bench/networks/prune.js';
import { quantise } from '../../../bench/networks/quantise.js';
import { Random } from '../../../bench/networks/random.js';
import { resnet } from '../../../bench/networks/resnet.js';
import { withRandomWeights } from '../../../bench/networks/weights.js';
import type { ModelSpec } from '../../../bench/onnx/model-spec.js';
import { specOfModel } from '../../../bench/onnx/read-model.js';
import { buildModel } from '../../../bench/onnx/write-model.js';

/** A residual network of 8x8 images, with all that the large ones have: first, sparse, depthwise and linear layers, a sum, a pool. */
function smallNetwork(): Architecture {
  const net = new ArchitectureBuilder();
  const stem = net.relu(net.conv('conv1', 'x', { outputs: 16, kernel: 3, kind: 'first' }));
  const depthwise = net.relu(net.conv('dw', stem, { outputs: 16, kernel: 3, kind: 'depthwise' }));
  const wide = net.conv('pw', depthwise, { outputs: 32, gain: 0.5 });
  const shortcut = net.conv('ds', stem, { outputs: 32, gain: 0.7 });
  net.classifier(net.maxPool('pool', net.relu(net.add('sum', wide, shortcut))));
  return { name: 'small', size: 8, nodes: net.nodes, layers: net.layers };
}

function zeros(values: ArrayLike<number>): number {
  return Array.from(values).filter((value) => value === 0).length;
}

const parameters = ({ layers }: Architecture) =>
  layers.reduce((sum, layer) => sum + weightCount(layer) + layer.outputs, 0);

async function runModel(spec: ModelSpec, input: Float32Array, dims: number[]): Promise<Float32Array> {
  const session = await InferenceSession.create(buildModel(spec));
  const feeds = { [spec.inputs[0]!.name]: new Tensor('float32', input, dims) };
  const values = (await session.run(feeds))[spec.outputs[0]!.name]!.data as Float32Array;
  await session.release();
  return values;
}

describe('architectures', () => {
  it('have the weights of the papers, BatchNorm folded', () => {
    // torchvision's counts less those of BatchNorm's scale and shift, of which the shift is the convolution's bias.
    const normalised = (channels: number) => channels;
    assert.equal(parameters(resnet(18)), 11_689_512 - normalised(4800));
    assert.equal(parameters(resnet(34)), 21_797_672 - normalised(8512));
    assert.equal(parameters(resnet(50)), 25_557_032 - normalised(26_560));
    assert.equal(parameters(mobilenetV1()), 4_231_976 - normalised(10_944));
  });
});

describe('densities', () => {
  const { layers } = resnet(50);

  it('uniform: all but the first convolution, the depthwise ones and the classifier', () => {
    const densities = uniform(layers, 0.1);
    assert.equal(densities.get('conv1'), 1);
    assert.equal(densities.get('fc'), 1);
    assert.equal([...densities.values()].filter((density) => density === 0.1).length, 52);
    const depthwise = mobilenetV1().layers.filter(({ kind }) => kind === 'depthwise');
    assert.ok(depthwise.every(({ name }) => uniform(mobilenetV1().layers, 0.1).get(name) === 1));
  });

  for (const density of [0.2, 0.1, 0.05]) {
    it(`ERK: ${density} over the layers that take part, none above 1, the rest in proportion`, () => {
      const densities = erdosRenyiKernel(layers, density);
      const parts = layers.filter(({ kind }) => kind !== 'first');
      const total = parts.reduce((sum, layer) => sum + weightCount(layer), 0);
      const kept = parts.reduce((sum, layer) => sum + densities.get(layer.name)! * weightCount(layer), 0);
      assert.ok(Math.abs(kept / total - density) < 1e-12, `${kept / total}`);
      assert.ok([...densities.values()].every((value) => value > 0 && value <= 1));
      assert.equal(densities.get('conv1'), 1);
      // 512 filters of 512 x 3 x 3, and 2048 of 512 x 1 x 1: by the formula.
      const formula = (512 + 512 + 3 + 3) / (512 * 512 * 9) / ((2048 + 512 + 1 + 1) / (2048 * 512));
      assert.ok(Math.abs(densities.get('s4b1c2')! / densities.get('s4b1c3')! - formula) < 1e-12);
      assert.ok(densities.get('s1b0c1')! > densities.get('s4b1c1')!, 'small layers are denser');
    });
  }
});

describe('random weights', () => {
  it('have exactly the zeros that were asked for, and are the same for the same seed', () => {
    const architecture = smallNetwork();
    const densities = new Map([
      ['pw', 0.1],
      ['ds', 0.33],
      ['dw', 1],
    ]);
    const { weights } = withRandomWeights(architecture, densities, 3);
    assert.equal(zeros(weights!.pw_w!.values), 16 * 32 - 51);
    assert.equal(zeros(weights!.ds_w!.values), 16 * 32 - 169);
    assert.equal(zeros(weights!.dw_w!.values), 0);
    assert.deepEqual(weights!.dw_w!.dims, [16, 1, 3, 3]);
    assert.deepEqual(weights!.fc_w!.dims, [1000, 32]);
    assert.deepEqual(withRandomWeights(architecture, densities, 3).weights, weights);
    assert.notDeepEqual(withRandomWeights(architecture, densities, 4).weights!.pw_w, weights!.pw_w);
  });

  it('keep the size of activations whatever the density', async () => {
    const random = new Random(1);
    const input = Float32Array.from({ length: 3 * 64 }, () => random.normal());
    const sizes: number[] = [];
    for (const density of [1, 0.1]) {
      const architecture = smallNetwork();
      const spec = withRandomWeights(architecture, uniform(architecture.layers, density), 5);
      const output = await runModel(spec, input, [1, 3, 8, 8]);
      assert.equal(output.length, 1000);
      sizes.push(Math.sqrt(output.reduce((sum, value) => sum + value * value, 0) / output.length));
    }
    assert.ok(sizes[1]! / sizes[0]! > 0.3 && sizes[1]! / sizes[0]! < 3, `${sizes}`);
  });
});

describe('pruning', () => {
  it('keeps the largest magnitudes, exactly so many', () => {
    assert.deepEqual([...keepLargest([3, -5, 1, 0, 2, -1], 0.5)], [3, -5, 0, 0, 2, 0]);
    assert.deepEqual([...keepLargest([1, 1, 1, 1], 0.5)], [1, 1, 0, 0]);
  });

  it('touches 1x1 convolutions only', () => {
    const architecture = smallNetwork();
    const spec = withRandomWeights(architecture, uniform(architecture.layers, 1), 3);
    const pruned = prunePointwise(spec, 0.25);
    for (const name of ['conv1_w', 'dw_w', 'fc_w', 'pw_b']) assert.equal(pruned.weights![name], spec.weights![name]);
    for (const name of ['pw_w', 'ds_w']) assert.equal(zeros(pruned.weights![name]!.values), (16 * 32 * 3) / 4);
  });
});

describe('models', () => {
  it('come back from their bytes as they were', () => {
    const architecture = smallNetwork();
    const spec = withRandomWeights(architecture, uniform(architecture.layers, 0.5), 3);
    const read = specOfModel(buildModel(spec), 'small.onnx');
    assert.deepEqual(read.weights, spec.weights);
    assert.deepEqual(
      read.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]),
      spec.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]),
    );
    assert.deepEqual(read.nodes[0]!.attributes, spec.nodes[0]!.attributes);
    assert.deepEqual([read.inputs, read.outputs], [spec.inputs, spec.outputs]);
  });

  it('cut at a tensor hold what that needs', () => {
    const architecture = smallNetwork();
    const spec = withRandomWeights(architecture, uniform(architecture.layers, 1), 3);
    const cut = cutAt(spec, 'ds');
    assert.deepEqual(
      cut.nodes.map(({ outputs }) => outputs[0]),
      ['conv1', 'conv1_relu', 'ds'],
    );
    assert.deepEqual(Object.keys(cut.weights!), ['conv1_w', 'conv1_b', 'ds_w', 'ds_b']);
    assert.deepEqual(cut.outputs, [{ name: 'ds' }]);
    assert.throws(() => cutAt(spec, 'nowhere'), /nothing makes the tensor nowhere/);
  });
});

describe('the INT8 version', () => {
  it('computes what the network does, in bytes', async () => {
    const architecture = smallNetwork();
    const spec = withRandomWeights(architecture, uniform(architecture.layers, 1), 3);
    const random = new Random(9);
    const image = () => Float32Array.from({ length: 3 * 64 }, () => random.normal());
    const int8 = quantise(spec, await measureRanges(spec, [image(), image(), image(), image()]));
    const input = image();
    const [exact, bytes] = [await runModel(spec, input, [1, 3, 8, 8]), await runModel(int8, input, [1, 3, 8, 8])];
    const agreement = correlation(exact, bytes);
    assert.ok(agreement > 0.98 && agreement < 1, `${agreement}`);
    assert.ok(int8.weights!.pw_w_quantised!.values instanceof Int8Array);
    assert.ok(Math.max(...Array.from(int8.weights!.pw_w_quantised!.values)) <= 127);
    assert.ok(!int8.nodes.some(({ op }) => op === 'Relu'), 'Relu is in the scale of the bytes');
    assert.ok(!('pw_w' in int8.weights!), 'no weights as floats');
  });
});
