// The rules of imports hold in this repository, and the check that says so really looks.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ROOT } from '../support/repository.js';

const TSCONFIG = JSON.stringify({
  compilerOptions: { module: 'NodeNext', moduleResolution: 'NodeNext', noLib: true, types: [] },
  include: ['src', 'protos', 'loadtest', 'test'],
});

/** Runs the check on `root`; returns its exit status, the faults it printed, and how many files and imports it saw. */
function checkImports(root: string) {
  const script = join(ROOT, 'scripts', 'checks', 'check-imports.mjs');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
  const counts = /^imports: (\d+) files, (\d+) imports, (\d+) faults$/m.exec(stdout);
  const [files, imports, faults] = (counts ?? []).slice(1).map(Number);
  return { status, files, imports, faults, lines: stderr.split('\n').filter((line) => line !== '') };
}

/** Checks a made-up project with these files; it is deleted when the test ends. */
function checkProject(context: TestContext, files: Record<string, string>) {
  const root = mkdtempSync(join(tmpdir(), 'headwater-imports-'));
  context.after(() => rmSync(root, { recursive: true, force: true }));
  const all = { 'package.json': '{"type":"module"}', 'tsconfig.json': TSCONFIG, ...files };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return checkImports(root);
}

const FACES = {
  'src/engine/index.ts': `export type { Inner } from './inner.js';`,
  'src/engine/inner.ts': 'export interface Inner { a: number }',
  'src/learner/index.ts': 'export const learner = 1;',
  'protos/index.ts': 'export const protos = 1;',
};

describe('imports', () => {
  it('follow the table and form no circle in this repository', () => {
    const result = checkImports(ROOT);
    assert.deepEqual(result.lines, []);
    assert.equal(result.status, 0);
    assert.ok((result.files ?? 0) > 50, `only ${result.files} files seen`);
    assert.ok((result.imports ?? 0) > 100, `only ${result.imports} imports seen`);
  });

  it('of public faces are allowed', (context) => {
    const result = checkProject(context, {
      ...FACES,
      'src/server/main.ts': `import '../engine/index.js'; import '../learner/index.js'; import '../../protos/index.js';`,
      'loadtest/run.ts': `import '../protos/index.js';`,
      'test/unit/inner.test.ts': `import type { Inner } from '../../src/engine/inner.js'; export type T = Inner;`,
    });
    assert.deepEqual(result.lines, []);
    assert.deepEqual([result.status, result.files, result.imports], [0, 7, 6]);
  });

  it('are reported where the table forbids them, however they are written', (context) => {
    const inner = 'src/engine/inner.ts';
    const cases = [
      { from: 'src/server/past-the-face.ts', text: `import '../engine/inner.js';`, to: inner },
      { from: 'src/server/types-only.ts', text: `import type { Inner } from '../engine/inner.js';`, to: inner },
      { from: 'src/server/in-a-type.ts', text: `export type T = import('../engine/inner.js').Inner;`, to: inner },
      { from: 'src/server/run-time.ts', text: `export const f = () => import('../engine/inner.js');`, to: inner },
      { from: 'src/server/re-export.ts', text: `export * from '../engine/inner.js';`, to: inner },
      { from: 'src/server/worker.ts', text: `new URL('../engine/inner.js', import.meta.url);`, to: inner },
      { from: 'src/engine/learner.ts', text: `import '../learner/index.js';`, to: 'src/learner/index.ts' },
      { from: 'src/learner/protocols.ts', text: `import '../../protos/index.js';`, to: 'protos/index.ts' },
      { from: 'loadtest/learner.ts', text: `import '../src/learner/index.js';`, to: 'src/learner/index.ts' },
    ];
    const sources = Object.fromEntries(cases.map(({ from, text }) => [from, text]));
    const result = checkProject(context, { ...FACES, ...sources });
    const reported = result.lines.map((line) => line.slice(0, line.indexOf(': ')));
    assert.deepEqual(reported.sort(), cases.map(({ from, to }) => `${from} imports ${to}`).sort());
    assert.deepEqual([result.status, result.faults], [1, cases.length]);
  });

  it('that form a circle are reported with the whole way round, types counting too', (context) => {
    const result = checkProject(context, {
      'src/learner/a.ts': `import type { B } from './b.js'; export interface A { b: B }`,
      'src/learner/b.ts': `import { c } from './c.js'; export type B = typeof c;`,
      'src/learner/c.ts': `import type { A } from './a.js'; export const c = null as A | null;`,
      'src/learner/d.ts': `import './a.js';`,
    });
    assert.equal(result.status, 1);
    assert.equal(result.lines.length, 1, result.lines.join('\n'));
    const circle = result.lines[0]?.replace('imports form a circle: ', '').split(' -> ') ?? [];
    assert.equal(circle.length, 4);
    assert.deepEqual(new Set(circle), new Set(['src/learner/a.ts', 'src/learner/b.ts', 'src/learner/c.ts']));
  });

  it('are not looked for where comments and texts only mention them', (context) => {
    const text = `// import '../engine/inner.js';\nexport const s = "import '../engine/inner.js'";`;
    const result = checkProject(context, { ...FACES, 'src/server/a.ts': text });
    assert.deepEqual(result.lines, []);
  });

  it('of a folder that the table does not know are reported', (context) => {
    const result = checkProject(context, { 'src/misc/a.ts': 'export {};' });
    assert.equal(result.status, 1);
    assert.match(result.lines.join('\n'), /^src\/misc\/a\.ts: belongs to no part/);
  });

  it('are not taken for fine where there is nothing to look at', (context) => {
    const result = checkProject(context, {});
    assert.equal(result.status, 1);
    assert.match(result.lines.join('\n'), /no TypeScript file found/);
  });
});
