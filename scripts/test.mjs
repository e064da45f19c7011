// `npm test`: the checks, then Node's test runner over everything in test/. Runs on what setup.mjs has built.
//
//   npm test                                     everything
//   npm test -- test/unit/a.test.ts              one file (or several, or a folder); no checks
//   npm test -- --test-name-pattern=softmax      options of node --test
//   npm run test:full                            the long forms too (HEADWATER_TEST_FULL=1)
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative, resolve, sep } from 'node:path';
import { runChecks } from './checks/run-checks.mjs';
import { ROOT } from './setup/run.mjs';

// Each of these must hold tests: a folder whose files are no longer found would otherwise pass without a word.
const KINDS = ['unit', 'contract', 'integration', 'e2e'];

/** Test sources below `folder`, relative to the root. */
function testsBelow(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  const names = readdirSync(join(ROOT, folder), { recursive: true }).map((name) => name.split(sep).join('/'));
  const tests = names.filter((name) => name.endsWith('.test.ts'));
  return tests.map((name) => `${folder}/${name}`).sort();
}

/** The sources that an argument names: a .test.ts file, its compiled .js file, or a folder of them. */
function testsNamed(argument) {
  const path = relative(ROOT, resolve(argument))
    .split(sep)
    .join('/')
    .replace(/^dist\//, '')
    .replace(/\.js$/, '.ts');
  if (!existsSync(join(ROOT, path))) return [];
  return statSync(join(ROOT, path)).isDirectory() ? testsBelow(path) : [path];
}

/** All tests, or null (said on stderr) when a kind of tests has none. */
function allTests() {
  const byKind = KINDS.map((kind) => ({ kind, tests: testsBelow(`test/${kind}`) }));
  for (const { kind, tests } of byKind) {
    console.log(`test: ${tests.length} files in test/${kind}`);
    if (tests.length === 0) console.error(`test: no *.test.ts in test/${kind}: it must have some`);
  }
  return byKind.some(({ tests }) => tests.length === 0) ? null : byKind.flatMap(({ tests }) => tests);
}

function namedTests(names) {
  const tests = names.flatMap((name) => {
    const found = testsNamed(name);
    if (found.length === 0) console.error(`test: ${name}: no such test (expected something like test/unit/a.test.ts)`);
    return found.length === 0 ? [null] : found;
  });
  return tests.includes(null) ? null : [...new Set(tests)];
}

/** Runs the compiled tests; the runner's own totals are the last thing it prints. Returns whether all passed. */
function runTests(tests, options, env) {
  const files = tests.map((test) => join('dist', test.replace(/\.ts$/, '.js')));
  const missing = files.filter((file) => !existsSync(join(ROOT, file)));
  if (missing.length > 0) {
    console.error(`test: not built: ${missing.join(', ')}: run npm run setup`);
    return false;
  }
  console.log(`test: running ${files.length} files`);
  const args = ['--test', ...runnerOptions(), ...options, ...files];
  const result = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, ...env } });
  if (result.error) console.error(`test: ${result.error.message}`);
  return result.status === 0;
}

/** Test files run next to each other; many of them start servers, so more than four at once would only slow each other. */
function runnerOptions() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const reporter = `--test-reporter=${process.stdout.isTTY ? 'spec' : 'tap'}`;
  const concurrency = `--test-concurrency=${Math.min(4, availableParallelism())}`;
  return major > 20 || minor >= 10 ? [reporter, concurrency] : [reporter];
}

const given = process.argv.slice(2);
const env = given.includes('--full') ? { HEADWATER_TEST_FULL: '1' } : {};
const options = given.filter((argument) => argument.startsWith('-') && argument !== '--full');
const names = given.filter((argument) => !argument.startsWith('-'));

// A fault that a check finds does not keep the tests from running, but does fail the whole.
const checked = names.length > 0 || runChecks();
const tests = names.length > 0 ? namedTests(names) : allTests();
const passed = tests !== null && runTests(tests, options, env);
if (!checked) console.error('test: failed, for the checks at the top found faults');
process.exitCode = checked && passed ? 0 : 1;
