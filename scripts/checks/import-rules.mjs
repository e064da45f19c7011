// Which part may import which: the table of architecture.md as data. `check-imports.mjs` enforces it.
// A part's files may import each other freely; of other parts only what is listed here. Types count like values.

const ENGINE = 'src/engine/index.ts';
const LEARNER = 'src/learner/index.ts';
const NATIVE = 'src/native/index.ts';
const PROTOS = 'protos/index.ts';

/** What the benchmarks build models and compare results with, and the service's own way of opening, decoding and normalising photos. */
const BENCHED = [
  'src/engine/onnx/model.ts',
  'src/engine/onnx/read.ts',
  'src/engine/onnx/schema.ts',
  'src/engine/preprocess.ts',
  'src/engine/statistics.ts',
  // The command line: `headwater serve` in a process that is watched from inside.
  'src/server/cli.ts',
  'src/server/data/open.ts',
  'src/server/data/random.ts',
  'src/server/images/decode.ts',
];

/** `folder`: where the part lives. `mayImport`: the public faces it may import, or 'anything'. */
export const PARTS = [
  { folder: 'protos', mayImport: [] },
  { folder: 'src/native', mayImport: [] },
  { folder: 'src/engine', mayImport: [NATIVE] },
  { folder: 'src/learner', mayImport: [NATIVE] },
  // What users of `headwater/client` get; the command line of the server shares its calls.
  { folder: 'src/client', mayImport: [PROTOS] },
  { folder: 'src/server', mayImport: [ENGINE, LEARNER, PROTOS, 'src/client/shared.ts', 'src/client/loopback.ts'] },
  // The yardstick of the load test: the engine alone, in a process that the rest of the load test only starts. Before its parent folder.
  { folder: 'loadtest/bare-engine', mayImport: [ENGINE, 'loadtest/bare-engine-messages.ts'] },
  { folder: 'loadtest', mayImport: [PROTOS] },
  { folder: 'bench', mayImport: [ENGINE, LEARNER, PROTOS, ...BENCHED] },
  { folder: 'fuzz', mayImport: 'anything' },
  { folder: 'test', mayImport: 'anything' },
];

/** Files below it are generated: messages that contain each other make circles of types there, which harm nobody. */
export const GENERATED = 'protos/generated';
