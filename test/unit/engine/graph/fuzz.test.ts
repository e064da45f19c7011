import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { EngineError } from '../../../../src/engine/backbone.js';
import { buildGraph } from '../../../../src/engine/graph/build.js';
import { optimise } from '../../../../src/engine/graph/optimise.js';
import { openBytes } from '../../../../src/engine/open-model.js';
import { planGraph } from '../../../../src/engine/plan/plan-graph.js';
import { encodePlan } from '../../../../src/native/index.js';
import { seededRandom } from '../../../../src/server/data/random.js';
import { patchwork, shuffleNet } from '../../../support/networks/layout.js';
import { mobileNetV3 } from '../../../support/networks/mobilenet.js';
import { resNet } from '../../../support/networks/resnet.js';
import { yoloV5 } from '../../../support/networks/yolo.js';
import { tinyModel } from '../fixtures.js';
import type { ModelSpec } from '../synthetic.js';
import { buildModel } from '../synthetic.js';
import { mutateModel } from './mutate-model.js';
import { randomModel } from './random-model.js';

// Files with damage end in a plan, in a value that says why there is none, or in an EngineError; whatever the damage, without a crash, in
// little time and memory. Runs are the same each time.

const full = process.env.HEADWATER_TEST_FULL === '1';
/**
 * By which one file may raise the most that the process has had so far. None of these files has more than 300 kB but for the tiny model; of 80,000
 * of them one took 89, for a graph of legal sizes whose tables are large.
 */
const mostMegabytes = 250;
const mostMilliseconds = 20_000;

/** Of the process since it began: what is freed again before a call ends shows, too. */
function peakMegabytes(): number {
  return process.resourceUsage().maxRSS / 1024;
}

class Outcomes {
  plans = 0;
  unsupported = 0;
  refusals = 0;
  #slowest = { took: 0, what: '' };
  #largest = { grown: 0, what: '' };

  /** From bytes to what the addon is given. */
  add(bytes: Uint8Array, what: string): void {
    const [start, peak] = [performance.now(), peakMegabytes()];
    try {
      this.#plan(bytes);
    } catch (error) {
      assert.ok(error instanceof EngineError, `${what}: ${error instanceof Error ? error.stack : error}`);
      assert.ok(error.message.length < 2000, `${what}: a message of ${error.message.length} characters`);
      this.refusals++;
    }
    const took = performance.now() - start;
    const grown = peakMegabytes() - peak;
    if (took > this.#slowest.took) this.#slowest = { took, what };
    if (grown > this.#largest.grown) this.#largest = { grown, what };
  }

  #plan(bytes: Uint8Array): void {
    const file = 'damaged.onnx';
    const { model, index, output } = openBytes(bytes, undefined, file);
    const built = buildGraph(model, index, { output: output.tensor, imageSize: 32, file });
    const planned = built.kind === 'graph' ? planGraph(optimise(built.graph).graph) : built;
    if (planned.kind === 'unsupported') {
      assert.ok(planned.problems.length > 0);
      this.unsupported++;
    } else {
      encodePlan(planned.plan);
      this.plans++;
    }
  }

  /** Each kind must be at least a share of all, or the damage would be too light or too heavy to reach what is tested. */
  check(share: { plans: number; unsupported: number; refusals: number }): void {
    const { plans, unsupported, refusals } = this;
    const text = JSON.stringify({ plans, unsupported, refusals });
    const all = plans + unsupported + refusals;
    assert.ok(
      plans >= share.plans * all && unsupported >= share.unsupported * all && refusals >= share.refusals * all,
      text,
    );
    assert.ok(this.#slowest.took < mostMilliseconds, JSON.stringify(this.#slowest));
    assert.ok(this.#largest.grown < mostMegabytes, JSON.stringify(this.#largest));
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

const randomModels = (count: number) => Array.from({ length: count }, (_, seed) => randomModel(seed + 1));

test('small networks with damaged bytes', () => {
  const outcomes = new Outcomes();
  const random = seededRandom(11);
  const originals = randomModels(20).map(buildModel);
  const rounds = full ? 40_000 : 2000;
  for (let round = 0; round < rounds; round++) {
    const original = originals[round % originals.length]!;
    outcomes.add(damaged(original, original.length, random), `round ${round}`);
  }
  outcomes.check({ plans: 0.05, unsupported: 0.005, refusals: 0.05 });
});

test('small networks that say something else: attributes, shapes, constants, edges, weights elsewhere', () => {
  const outcomes = new Outcomes();
  const random = seededRandom(14);
  const originals: ModelSpec[] = [
    ...randomModels(10),
    patchwork({ size: [24, 31], opset: 7 }),
    patchwork({ size: [24, 31], opset: 13 }),
    shuffleNet({ width: 4, size: [32, 32], opset: 18 }),
    mobileNetV3({ width: 0.25, size: [32, 32], opset: 9 }),
    yoloV5({ width: 4, stem: 'focus', neck: false, size: [32, 32], opset: 12 }),
    resNet({ depth: 18, variant: 'v2', width: 4, size: [32, 32], opset: 11 }),
  ];
  const rounds = full ? 40_000 : 1500;
  for (let round = 0; round < rounds; round++) {
    outcomes.add(buildModel(mutateModel(originals[round % originals.length]!, random)), `round ${round}`);
  }
  outcomes.check({ plans: 0.05, unsupported: 0.2, refusals: 0.05 });
});

test('the tiny model with damage at its head', () => {
  const outcomes = new Outcomes();
  const random = seededRandom(12);
  const original = new Uint8Array(readFileSync(tinyModel));
  // Nodes come first in the file; the whole takes a while to copy and plan, so there are fewer rounds.
  const rounds = full ? 400 : 20;
  for (let round = 0; round < rounds; round++) outcomes.add(damaged(original, 8000, random), `round ${round}`);
  outcomes.check({ plans: 0.05, unsupported: 0.02, refusals: 0.3 });
});

test('the head of the tiny model alone, damaged', () => {
  const outcomes = new Outcomes();
  const random = seededRandom(13);
  const head = new Uint8Array(readFileSync(tinyModel).subarray(0, 8000));
  for (let round = 0; round < 1000; round++) outcomes.add(damaged(head, 8000, random), `round ${round}`);
  // Where the file is cut off, weights are missing: no damage may make a model of it.
  outcomes.check({ plans: 0, unsupported: 0, refusals: 1 });
});
