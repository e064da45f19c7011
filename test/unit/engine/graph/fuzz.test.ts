import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '../../../../src/engine/backbone.js';
import { inspectBytes } from '../../../../src/engine/inspect.js';
import { seededRandom } from '../../../../src/server/data/random.js';
import { tinyModel } from '../fixtures.js';
import { buildModel } from '../synthetic.js';
import { randomModel } from './random-model.js';

// Damaged files end in a report or in an EngineError, whatever the damage. Runs are the same each time.

const full = process.env.HEADWATER_TEST_FULL === '1';

interface Outcome {
  reports: number;
  refusals: number;
}

function inspectDamaged(bytes: Uint8Array, outcome: Outcome, what: string): void {
  try {
    inspectBytes(bytes, { model: 'damaged.onnx' });
    outcome.reports++;
  } catch (error) {
    assert.ok(error instanceof EngineError, `${what}: ${error instanceof Error ? error.stack : error}`);
    outcome.refusals++;
  }
}

/** A copy with a few bytes changed, cut out, doubled or cut off within the first `reach` bytes. */
function damaged(original: Uint8Array, reach: number, random: () => number): Uint8Array {
  const position = () => Math.floor(random() * Math.min(reach, original.length));
  const interesting = [0, 1, 0x7f, 0x80, 0xff];
  let bytes = new Uint8Array(original);
  for (let change = 1 + Math.floor(random() * 4); change > 0; change--) {
    const at = Math.min(position(), bytes.length - 1);
    const kind = random();
    if (kind < 0.5) bytes[at] = Math.floor(random() * 256);
    else if (kind < 0.7) bytes[at] = interesting[Math.floor(random() * interesting.length)]!;
    else if (kind < 0.8) bytes[at]! ^= 1 << Math.floor(random() * 8);
    else if (kind < 0.9) bytes.copyWithin(at, Math.min(position(), bytes.length - 1), bytes.length);
    else bytes = bytes.slice(0, Math.max(1, bytes.length - Math.floor(random() * reach)));
  }
  return bytes;
}

test('small networks with damaged bytes', () => {
  const outcome = { reports: 0, refusals: 0 };
  const random = seededRandom(11);
  const originals = Array.from({ length: 20 }, (_, seed) => buildModel(randomModel(seed + 1)));
  const rounds = full ? 40_000 : 3000;
  for (let round = 0; round < rounds; round++) {
    const original = originals[round % originals.length]!;
    inspectDamaged(damaged(original, original.length, random), outcome, `round ${round}`);
  }
  // Both kinds must be many, or the damage would be too light or too heavy to reach the graph.
  assert.ok(outcome.reports > rounds / 20 && outcome.refusals > rounds / 20, JSON.stringify(outcome));
});

test('the tiny model with damage at its head', () => {
  const outcome = { reports: 0, refusals: 0 };
  const random = seededRandom(12);
  const original = new Uint8Array(readFileSync(tinyModel));
  // Nodes come first in the file; the whole takes a while to copy and inspect, so there are fewer rounds.
  const rounds = full ? 400 : 40;
  for (let round = 0; round < rounds; round++)
    inspectDamaged(damaged(original, 8000, random), outcome, `round ${round}`);
  assert.equal(outcome.reports + outcome.refusals, rounds);
  assert.ok(outcome.refusals > 0);
});

test('the head of the tiny model alone, damaged', () => {
  const outcome = { reports: 0, refusals: 0 };
  const random = seededRandom(13);
  const head = new Uint8Array(readFileSync(tinyModel).subarray(0, 8000));
  for (let round = 0; round < 1000; round++) inspectDamaged(damaged(head, 8000, random), outcome, `round ${round}`);
  assert.ok(outcome.refusals > 900, JSON.stringify(outcome));
});
