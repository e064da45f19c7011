import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { runCampaign } from '../../../fuzz/campaign.js';
import { mutateBytes } from '../../../fuzz/mutate/bytes.js';
import { mutateJson } from '../../../fuzz/mutate/json.js';
import { mutateMessage } from '../../../fuzz/mutate/protobuf.js';
import { Random } from '../../../fuzz/random.js';
import { type Failure, inputOf, runTarget } from '../../../fuzz/run.js';
import type { FuzzTarget } from '../../../fuzz/target.js';
import { labels } from '../../../fuzz/targets/labels.js';
import { StatusError } from '../../../src/server/errors.js';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'headwater-fuzz-'));
});
after(() => rmSync(folder, { recursive: true }));

/** Input: the index's random byte. */
const planted = (run: (byte: number) => void): FuzzTarget => ({
  name: 'planted',
  seeds: async () => [new Uint8Array(1)],
  mutate: (random) => Uint8Array.of(random.int(64)),
  open: async () => ({ run: ([byte]) => run(byte!), close: async () => {} }),
});

test('the same seed gives the same inputs, another one others', async () => {
  const seeds = await labels.seeds();
  const inputs = (seed: number) =>
    Array.from({ length: 50 }, (_, index) => Buffer.from(inputOf(labels, seeds, seed, index)).toString('hex'));
  assert.deepEqual(inputs(7), inputs(7));
  assert.notDeepEqual(inputs(7), inputs(8));
  assert.ok(new Set(inputs(7)).size > 40);
});

test('errors that are declared are no failures; others are, with the input that led to them', async () => {
  const failures: Failure[] = [];
  const target = planted((byte) => {
    if (byte === 5) throw new TypeError('planted');
    if (byte === 6) throw new StatusError('internal', 'an unexpected error');
    if (byte === 7) throw 'text';
    if (byte > 40) throw new StatusError('request_invalid', 'declared');
  });
  await runTarget(target, { seed: 1, from: 0, to: 2000, onFailure: (failure) => failures.push(failure) });
  assert.deepEqual(new Set(failures.map(({ input }) => input[0])), new Set([5, 6, 7]));
  for (const { seed, index, input } of failures) {
    assert.deepEqual(inputOf(target, [], seed, index), input);
  }
});

test('changed messages are other bytes, nearly always', () => {
  // field 1: a message with a varint and a string; field 2: a varint.
  const message = Uint8Array.from([10, 7, 8, 5, 18, 3, 97, 98, 99, 16, 1]);
  const count = (change: (random: Random) => Uint8Array) =>
    new Set(Array.from({ length: 300 }, (_, index) => Buffer.from(change(new Random(3, index))).toString('hex'))).size;
  assert.ok(count((random) => mutateMessage(random, message)) > 150);
  assert.ok(count((random) => mutateBytes(random, message)) > 150);
  assert.ok(count((random) => Buffer.from(mutateJson(random, '{"a":[1,{"b":"c"}],"d":null}'))) > 100);
});

/** A target in a module of its own, as the process of a campaign loads it. */
function writeTarget(name: string, run: string): string {
  const file = join(folder, `${name}.mjs`);
  const text = `export const target = {
    name: '${name}',
    seeds: async () => [],
    mutate: (random) => Uint8Array.of(random.int(24)),
    open: async () => ({ run: ([byte]) => { ${run} }, close: async () => {} }),
  };`;
  writeFileSync(file, text);
  return pathToFileURL(file).href;
}

test('a crash, a hang and an error end an input, not the campaign; each input is written to a file', async () => {
  const run = `if (byte === 1) process.abort(); if (byte === 2) for (;;); if (byte === 3) throw new TypeError('planted');`;
  const log: string[] = [];
  const options = { seed: 4, runs: 40, folder: join(folder, 'out'), log: (line: string) => log.push(line) };
  const { failures } = await runCampaign(writeTarget('hostile', run), { ...options, hangMs: 2000 });
  const kinds = failures.map(({ file, what }) => `${readFileSync(file)[0]} ${what.split('\n')[0]}`);
  assert.deepEqual(
    new Set(kinds),
    new Set(['1 the process ended: SIGABRT', '2 no progress for 2 s: a hang', '3 TypeError: planted']),
  );
  assert.match(log[0]!, /hostile: seed 4, index \d+: /);
});
