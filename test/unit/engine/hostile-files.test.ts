import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EngineError } from '../../../src/engine/backbone.js';
import { inspectBytes, inspectModel } from '../../../src/engine/inspect.js';
import { concatenate, delimited } from '../../../src/engine/onnx/fields.js';
import { ModelProto } from '../../../src/engine/onnx/schema.js';
import type { ModelSpec, NodeSpec } from './synthetic.js';
import { buildModel, classifierSpec } from './synthetic.js';

// Files that somebody made to do harm, or that a broken tool wrote: each is refused, and the node at fault is named where there is one.
// (Weights in other files: external-data.test.ts. Operators on their own: graph/unsupported.test.ts.)

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-hostile-'));
});
after(() => rmSync(folder, { recursive: true }));

/** What is said of a file: by an error, or as the reason why there is no graph, behind the node's name. */
function saidOf(bytes: Uint8Array): string {
  try {
    const { unsupported } = inspectBytes(bytes, { model: 'hostile.onnx' });
    return unsupported.map(({ node, reason }) => `${node}: ${reason}`).join('\n');
  } catch (error) {
    assert.ok(error instanceof EngineError, `${error instanceof Error ? error.stack : error}`);
    assert.ok(error.message.length < 1000, `${error.message.length} characters`);
    return error.message;
  }
}

/** Runs `act` and returns by how many MB the process grew at most, as far as that can be seen. */
function growth(act: () => void): number {
  const before = process.memoryUsage().rss;
  act();
  return (process.memoryUsage().rss - before) / 1e6;
}

const base = (): ModelSpec => classifierSpec('Gemm', ['scores']);
const withNode = (node: NodeSpec, more: Partial<ModelSpec> = {}): Uint8Array => {
  const spec = base();
  return buildModel({
    ...spec,
    ...more,
    nodes: [node],
    outputs: [{ name: node.outputs[0]! }],
    weights: { ...spec.weights, ...more.weights },
  });
};
const it = (op: string, inputs: string[], attributes: NodeSpec['attributes'] = {}): NodeSpec => ({
  ...{ op, name: 'it', inputs, outputs: ['y'], attributes },
});

/** A model around fields of a GraphProto that the schema can't write. */
function raw(...graphFields: Uint8Array[]): Uint8Array {
  const head = ModelProto.encode(ModelProto.fromObject({ opsetImport: [{ version: 13 }] })).finish();
  return concatenate([head, ...delimited(7, graphFields)]);
}
const text = (value: string) => Buffer.from(value);
const namedNode = (name: string, ...fields: Uint8Array[]) => delimited(1, [...delimited(3, [text(name)]), ...fields]);

function weight(tensor: object): Uint8Array {
  const message = {
    opsetImport: [{ version: 13 }],
    graph: {
      node: [{ opType: 'Conv', name: 'it', input: ['x', 'w'], output: ['y'] }],
      input: [
        {
          name: 'x',
          type: { tensorType: { elemType: 1, shape: { dim: [1, 3, 8, 8].map((dimValue) => ({ dimValue })) } } },
        },
      ],
      output: [{ name: 'y' }],
      initializer: [{ name: 'w', dataType: 1, ...tensor }],
    },
  };
  return ModelProto.encode(ModelProto.fromObject(message)).finish();
}

const wide = [2 ** 31, 2 ** 31, 2 ** 31];
const cases: [string, () => Uint8Array, RegExp][] = [
  ['a node that needs itself', () => withNode(it('Add', ['image', 'y'])), /the node "it" \(Add\) needs its own result/],
  [
    'a circle of a thousand nodes',
    () => {
      const nodes = Array.from({ length: 1000 }, (_, i) => ({
        op: 'Add',
        name: `n${i}`,
        inputs: ['image', `t${(i + 1) % 1000}`],
        outputs: [`t${i}`],
      }));
      return buildModel({ ...base(), nodes, outputs: [{ name: 't0' }] });
    },
    /the node "n0" \(Add\) needs its own result/,
  ],
  [
    'weights with fewer values than their shape',
    () => weight({ dims: [4, 3, 3, 3], floatData: [1, 2, 3] }),
    /"w" of the node "it" needs 108 values, but 3/,
  ],
  [
    'weights whose shape overflows',
    () => weight({ dims: wide, rawData: new Uint8Array(4) }),
    /"w" of the node "it" has the impossible shape/,
  ],
  [
    'weights with a negative length',
    () => weight({ dims: [-4, -3, 1, 1], rawData: new Uint8Array(48) }),
    /"w" of the node "it" has the impossible/,
  ],
  [
    'weights of another type than their values',
    () => weight({ dims: [4, 3, 1, 1], dataType: 11, floatData: Array(12).fill(1) }),
    /"w" of the node "it" needs 12 values, but 0/,
  ],
  ['weights of text', () => weight({ dims: [4, 3, 1, 1], dataType: 8 }), /^it: a constant of type 8/],
  [
    'weights of integers',
    () => weight({ dims: [4, 3, 1, 1], dataType: 7, int64Data: Array(12).fill(1) }),
    /^it: input 1 holds integers/,
  ],
  ['weights without values and with a length of zero', () => weight({ dims: [0, 3, 1, 1] }), /^it: /],
  [
    'a Constant whose shape overflows',
    () => {
      const t = { dims: wide, dataType: 1, rawData: new Uint8Array(4) };
      const node = { opType: 'Constant', name: 'it', output: ['y'], attribute: [{ name: 'value', type: 4, t }] };
      return ModelProto.encode(
        ModelProto.fromObject({ opsetImport: [{ version: 13 }], graph: { node: [node], output: [{ name: 'y' }] } }),
      ).finish();
    },
    /\(unnamed\) of the node "it" has the impossible shape/,
  ],
  [
    'an image of 2^62 pixels',
    () => withNode(it('Relu', ['image']), { inputs: [{ name: 'image', shape: [1, 3, 2 ** 31, 2 ** 31] }] }),
    /larger than/,
  ],
  [
    'an output that overflows',
    () => withNode(it('Pad', ['image', 'p']), { int64s: { p: [0, 0, 65536, 65536, 0, 0, 65536, 65536] } }),
    /^it: its output .* larger/,
  ],
  [
    'pads that overflow',
    () => withNode(it('Conv', ['image', 'filters'], { pads: [2 ** 52, 0, 2 ** 52, 0] })),
    /^it: pads of/,
  ],
  [
    'a resize by 2^30',
    () =>
      withNode(it('Resize', ['image', '', 's']), { weights: { s: { dims: [4], values: [1, 1, 2 ** 30, 2 ** 30] } } }),
    /^it: its output .* larger/,
  ],
  [
    'a reshape to 2^63 - 1',
    () => withNode(it('Reshape', ['image', 's']), { int64s: { s: [0, 2 ** 62, -1] } }),
    /^it: /,
  ],
  [
    'a dilation of 2^40',
    () => withNode(it('Conv', ['image', 'filters'], { dilations: [2 ** 40, 1] })),
    /^it: dilations of/,
  ],
  [
    'a split into a million parts',
    () => withNode({ ...it('Split', ['image'], { axis: 1, num_outputs: 1e6 }) }, { opset: 18 }),
    /^it: num_outputs/,
  ],
  [
    'axes without end',
    () => withNode(it('Unsqueeze', ['image', 'a']), { int64s: { a: Array.from({ length: 4000 }, (_, i) => i) } }),
    /^it: /,
  ],
  [
    'an attribute of the wrong type',
    () => withNode(it('Conv', ['image', 'filters'], { group: { text: 'two' } })),
    /^it: the attribute "group" is of the wrong type/,
  ],
  [
    'NaN for a scale',
    () => withNode(it('Resize', ['image', '', 's']), { weights: { s: { dims: [4], values: [1, 1, Number.NaN, 2] } } }),
    /^it: a factor of NaN/,
  ],
  ['no input', () => withNode(it('Conv', [])), /^it: this operator on constants/],
  [
    'an operator of another domain',
    () => {
      const node = { opType: 'Conv', domain: 'evil', name: 'it', input: ['x', 'w'], output: ['y'] };
      const message = ModelProto.toObject(ModelProto.decode(weight({ dims: [1, 3, 1, 1], floatData: [1, 2, 3] })));
      message.graph.node = [node];
      return ModelProto.encode(ModelProto.fromObject(message)).finish();
    },
    /^it: the domain "evil"/,
  ],
  [
    'a node that is no message',
    () => raw(...namedNode('fine'), ...namedNode('it', ...delimited(5, [Uint8Array.of(0xff, 0xff, 0xff)]))),
    /in the node "it"/,
  ],
  [
    'subgraphs a thousand deep',
    () => {
      let inner: Uint8Array[] = [];
      for (let depth = 0; depth < 1000; depth++) inner = [concatenate(delimited(1, delimited(5, delimited(6, inner))))];
      return raw(...namedNode('fine'), ...namedNode('it', ...delimited(5, delimited(6, inner))));
    },
    /nesting depth exceeded in the node "it"/,
  ],
  [
    'two graphs in one file',
    () => Buffer.concat([weight({ dims: [1, 3, 1, 1], floatData: [1, 2, 3] }), ...delimited(7, [])]),
    /no nodes|no graph/,
  ],
  [
    'a name of a megabyte',
    () => withNode(it(`Conv${'v'.repeat(2 ** 20)}`, ['image', 'filters'])),
    /^it: this operator/,
  ],
];

for (const [name, build, expected] of cases) {
  test(`${name} is refused`, () => assert.match(saidOf(build()), expected));
}

test('a file of nothing but empty nodes takes memory in proportion to its size', () => {
  const nodes = new Uint8Array(16e6);
  for (let at = 0; at < nodes.length; at += 2) nodes[at] = 0x0a;
  const bytes = raw(nodes);
  let said = '';
  const grown = growth(() => {
    said = saidOf(bytes);
  });
  assert.match(said, /too many fields/);
  assert.ok(grown < 20 * 16, `${grown} MB`);
});

test('a tensor of nothing but small integers takes memory in proportion to its size', () => {
  const bytes = raw(...delimited(5, delimited(7, [new Uint8Array(16e6)])));
  let said = '';
  const grown = growth(() => {
    said = saidOf(bytes);
  });
  assert.match(said, /too many fields/);
  assert.ok(grown < 20 * 16, `${grown} MB`);
});

test('sparse tensors that each stand for many zeros are counted together', () => {
  const one = {
    dims: [256, 256, 1, 1],
    positions: Array.from({ length: 300 }, (_, i) => i),
    values: Array(300).fill(1),
  };
  const sparse = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`s${i}`, one]));
  let said = '';
  const grown = growth(() => {
    said = saidOf(buildModel({ ...base(), sparse }));
  });
  assert.match(said, /the sparse tensor "s\d+" and those before it stand for/);
  assert.ok(grown < 400, `${grown} MB`);
});

test('what is no plain file of a sensible length is refused before it is read', async () => {
  const refused = (model: string, message: RegExp) =>
    assert.rejects(inspectModel({ model }), { code: 'model_unreadable', message });
  const long = join(folder, 'long.onnx');
  writeFileSync(long, '');
  truncateSync(long, 2 ** 40);
  await refused(long, /1099511627776 bytes, and ONNX ends at 2147483647/);
  const pipe = join(folder, 'pipe.onnx');
  execFileSync('mkfifo', [pipe]);
  await refused(pipe, /no plain file/);
  await refused('/dev/zero', /no plain file/);
  await refused(folder, /this is a folder/);
});
