import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Plan, Step } from '../../../src/native/index.js';
import { encodePlan, stepKinds } from '../../../src/native/index.js';
import { everyStep, nearlyEmpty } from './plans.js';

/** The kinds and words of the steps, by the format's description in encode.ts. */
function decodeSteps(words: Int32Array): { kind: string; words: number[] }[] {
  const steps = [];
  for (let at = 8; at < words.length; ) {
    const length = words[at + 1]!;
    steps.push({ kind: stepKinds[words[at]!]!, words: [...words.subarray(at + 2, at + 2 + length)] });
    at += 2 + length;
  }
  return steps;
}

describe('encodePlan', () => {
  it('writes a header, and each step with its kind and length', () => {
    const plan = everyStep();
    const words = encodePlan(plan);
    const header = [3, 8, 8, plan.arenaVectors, 40, plan.output.offset, plan.steps.length];
    assert.deepEqual([...words.subarray(1, 8)], header);
    const kinds = decodeSteps(words).map((step) => step.kind);
    assert.deepEqual(
      kinds,
      plan.steps.map((step) => step.kind),
    );
    assert.deepEqual(new Set(kinds), new Set(stepKinds));
  });

  it('keeps the bits of floats, and gives constants in units of 64 bytes', () => {
    const step: Step = {
      kind: 'plainPointwise',
      input: 1,
      output: 2,
      channels: 3,
      inner: 4,
      scale: { offset: 128, bytes: 12 },
      shift: undefined,
      activation: { kind: 'clip', min: -0, max: 0.1 },
    };
    const [encoded] = decodeSteps(encodePlan({ ...nearlyEmpty(), steps: [step] }));
    assert.deepEqual(encoded!.words.slice(0, 9), [3, 4, 1, 2, 2, 12, -1, 0, 6]);
    const floats = new Float32Array(Int32Array.from(encoded!.words.slice(9)).buffer);
    assert.deepEqual([...floats], [-0, Math.fround(0.1)]);
  });

  it('refuses what does not fit a word, naming the step', () => {
    const plan = nearlyEmpty();
    const change = (change: Partial<Step>): Plan => ({
      ...plan,
      steps: plan.steps.map((step, i) => (i === 1 ? ({ ...step, ...change } as Step) : step)),
    });
    const refused: [Partial<Step>, RegExp][] = [
      [{ output: 2 ** 31 } as Partial<Step>, /^plan: step 1 \(toPlain\): 2147483648 is no 32-bit integer$/],
      [{ height: 1.5 } as Partial<Step>, /^plan: step 1 \(toPlain\): 1.5 is no 32-bit integer$/],
      [{ width: Number.NaN } as Partial<Step>, /^plan: step 1 \(toPlain\): NaN is no 32-bit integer$/],
    ];
    for (const [changed, message] of refused) {
      assert.throws(() => encodePlan(change(changed)), { name: 'RangeError', message });
    }
    const unaligned: Step = {
      kind: 'sparseLinear',
      input: 0,
      output: 0,
      inputs: 1,
      outputs: 1,
      activation: { kind: 'none' },
      starts: { offset: 4, bytes: 8 },
      indices: { offset: 0, bytes: 0 },
      values: { offset: 0, bytes: 0 },
      bias: { offset: 0, bytes: 4 },
    };
    assert.throws(() => encodePlan({ ...plan, steps: [unaligned] }), /step 0 \(sparseLinear\): constants at 4 are not/);
  });
});
