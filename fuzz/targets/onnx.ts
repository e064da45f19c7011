// Model files: reader, graph, passes and plan of each; some are loaded and run by the sparse engine too.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec } from '../../bench/onnx/model-spec.js';
import { buildModel } from '../../bench/onnx/write-model.js';
import { EngineError } from '../../src/engine/index.js';
import { inspectBytes } from '../../src/engine/inspect.js';
import { loadBackbone } from '../../src/engine/load-backbone.js';
import { loadSparseBackbone } from '../../src/engine/sparse/backend.js';
import { mutateMessage } from '../mutate/protobuf.js';
import { Random } from '../random.js';
import type { FuzzTarget } from '../target.js';

const SIZE = 8;
/** One input in so many is loaded and run: that takes a thread. */
const RUN_EVERY = 200;
const IMAGE = { size: SIZE, resize: SIZE, channels: 'rgb', scale: 255, mean: [0, 0, 0], std: [1, 1, 1] } as const;

const values = (count: number) => Array.from({ length: count }, (_, index) => ((index * 7) % 13) / 13 - 0.4);
const weight = (...dims: number[]) => ({ dims, values: values(dims.reduce((a, b) => a * b, 1)) });

/** Models that use each operator that the engine knows, as small as they can be. */
const SPECS: readonly ModelSpec[] = [
  {
    inputs: [{ name: 'image', shape: ['N', 3, SIZE, SIZE] }],
    outputs: [{ name: 'scores' }],
    nodes: [
      {
        op: 'Conv',
        name: 'conv',
        inputs: ['image', 'w1', 'b1'],
        outputs: ['a'],
        attributes: { pads: [1, 1, 1, 1], strides: [2, 2], kernel_shape: [3, 3] },
      },
      {
        op: 'BatchNormalization',
        name: 'norm',
        inputs: ['a', 'scale', 'b1', 'b1', 'scale'],
        outputs: ['b'],
        attributes: { epsilon: { float: 1e-5 } },
      },
      { op: 'Relu', inputs: ['b'], outputs: ['c'] },
      {
        op: 'Conv',
        name: 'depthwise',
        inputs: ['c', 'w2'],
        outputs: ['d'],
        attributes: { pads: [1, 1, 1, 1], group: 4 },
      },
      { op: 'Clip', inputs: ['d', 'low', 'high'], outputs: ['e'] },
      { op: 'Add', inputs: ['c', 'e'], outputs: ['f'] },
      { op: 'MaxPool', inputs: ['f'], outputs: ['g'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      { op: 'Concat', inputs: ['g', 'g'], outputs: ['h'], attributes: { axis: 1 } },
      { op: 'GlobalAveragePool', inputs: ['h'], outputs: ['i'] },
      { op: 'Flatten', inputs: ['i'], outputs: ['j'], attributes: { axis: 1 } },
      { op: 'Gemm', name: 'fc', inputs: ['j', 'w3', 'b3'], outputs: ['scores'], attributes: { transB: 1 } },
    ],
    weights: {
      w1: weight(4, 3, 3, 3),
      b1: weight(4),
      scale: { dims: [4], values: [1, 2, 0.5, 1] },
      w2: weight(4, 1, 3, 3),
      low: { dims: [], values: [0] },
      high: { dims: [], values: [6] },
      w3: weight(5, 8),
      b3: weight(5),
    },
  },
  {
    inputs: [{ name: 'image', shape: [1, 3, SIZE, SIZE] }],
    outputs: [{ name: 'out' }],
    nodes: [
      { op: 'Pad', inputs: ['image', 'pads'], outputs: ['a'] },
      { op: 'AveragePool', inputs: ['a'], outputs: ['b'], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
      { op: 'Conv', inputs: ['b', 'w'], outputs: ['c'] },
      { op: 'Sigmoid', inputs: ['c'], outputs: ['d'] },
      { op: 'Mul', inputs: ['c', 'd'], outputs: ['e'] },
      { op: 'Transpose', inputs: ['e'], outputs: ['f'], attributes: { perm: [0, 2, 3, 1] } },
      { op: 'ReduceMean', inputs: ['f'], outputs: ['g'], attributes: { axes: [1, 2], keepdims: 0 } },
      { op: 'Reshape', inputs: ['g', 'shape'], outputs: ['h'] },
      { op: 'MatMul', inputs: ['h', 'm'], outputs: ['out'] },
    ],
    weights: { w: weight(6, 3, 1, 1), m: weight(6, 2) },
    int64s: { pads: [0, 0, 1, 1, 0, 0, 1, 1], shape: [-1, 6] },
    sparse: { unused: { dims: [4, 4], positions: [1, 5], values: [1, 2] } },
  },
];

export const onnx: FuzzTarget = {
  name: 'onnx',
  seeds: async () => SPECS.map((spec) => buildModel(spec)),
  mutate: (random, seeds) => mutateMessage(random, random.pick(seeds), seeds),
  async open() {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-fuzz-'));
    let count = 0;
    return {
      async run(input) {
        const file = join(folder, `${count++ % 8}.onnx`);
        const { graph } = inspectBytes(input, { model: file, size: SIZE });
        // By the bytes, so that an input is treated alike wherever it comes in a run.
        const sum = input.reduce((total, byte) => (total + byte) >>> 0, 0);
        if (graph?.plan !== undefined && new Random(sum, input.length).int(RUN_EVERY) === 0) await load(file, input);
      },
      close: async () => rmSync(folder, { recursive: true }),
    };
  },
};

/** With the sparse engine only: what ONNX Runtime makes of a damaged file is its own business. */
async function load(file: string, bytes: Uint8Array): Promise<void> {
  writeFileSync(file, bytes);
  const options = { name: 'fuzzed', model: file, engine: 'sparse', threads: 1, image: IMAGE, isa: 'auto' } as const;
  const backbone = await loadBackbone(options, () => {}, {
    loadSparse: loadSparseBackbone,
    loadOnnxRuntime: () => Promise.reject(new EngineError('model_unsupported', 'the sparse engine does not take it')),
    runTrial: () => Promise.reject(new Error('there is nothing to compare')),
    trimMemory: () => {},
  });
  try {
    if (backbone.dimensions > 2 ** 20) return;
    const { embeddings } = await backbone.embed([{ kind: 'pixels', count: 1, data: new Uint8Array(SIZE * SIZE * 3) }]);
    if (embeddings.length !== backbone.dimensions)
      throw new Error(`${embeddings.length} of ${backbone.dimensions} values`);
  } finally {
    await backbone.close();
  }
}
