import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Failure, runInput, runTarget } from '../../fuzz/run.js';
import { TARGET_NAMES, targetOf } from '../../fuzz/targets/index.js';
import { ROOT } from '../support/repository.js';

// The short form of `npm run fuzz`: other inputs than its first ones. And each input that once failed, again.

const RUNS: Readonly<Record<string, number>> = {
  ...{
    messages: 3000,
    wire: 300,
    http2: 80,
    onnx: 600,
    images: 300,
    snapshots: 600,
    labels: 3000,
    config: 150,
    tokens: 300,
  },
};
const SEED = 20_000;

for (const name of TARGET_NAMES) {
  test(`${name}: changed inputs lead to declared errors only`, async () => {
    const target = await targetOf(name);
    const failures: Failure[] = [];
    await runTarget(target, { seed: SEED, from: 0, to: RUNS[name]!, onFailure: (failure) => failures.push(failure) });
    const [first] = failures;
    const again = `npm run fuzz -- --target ${name} --seed ${SEED} --index ${first?.index}`;
    assert.equal(first, undefined, `${failures.length} failures; the first: ${first?.what}\n${again}`);
  });

  const folder = join(ROOT, 'test/support/fuzz-corpus', name);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  test(`${name}: inputs that once failed`, { skip: files.length === 0 && 'none did' }, async () => {
    const subject = await (await targetOf(name)).open();
    for (const file of files) {
      assert.equal(await runInput(subject, readFileSync(join(folder, file))), undefined, file);
    }
    await subject.check?.();
    await subject.close();
  });
}
