import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CompactionLimits,
  type CompactionStep,
  planCompaction,
} from '../../../../src/learner/heads/upkeep/compaction-plan.js';
import type { CompactionRecord } from '../../../../src/learner/nats/stores/head-store.js';
import type { HeadVersion } from '../../../../src/learner/types.js';

const FENCE = 100;
const limits: CompactionLimits = { keepSamples: 50, keepMs: null, fenceMs: FENCE };

/** Version n stands at sequence 10 n after n * 10 samples, and was made at time n * 10. */
function version(n: number, overrides: Partial<HeadVersion> = {}): HeadVersion {
  return {
    version: n,
    samples: n * 10,
    position: { streamCreated: 'then', sequence: n * 10 },
    createdAtMs: n * 10,
    modelDigest: `model ${n}`,
    stateDigest: `state ${n}`,
    champion: 'sgd',
    accuracy: null,
    ...overrides,
  };
}

function versions(...numbers: number[]): HeadVersion[] {
  return numbers.map((n) => version(n));
}

function record(change: Partial<CompactionRecord> = {}): CompactionRecord {
  return { generation: 1, removedTo: 0, purged: true, base: null, next: null, ids: null, ...change };
}

function plan(
  state: CompactionRecord | undefined,
  list: readonly HeadVersion[],
  nowMs = 1_000,
  change: Partial<CompactionLimits> = {},
): CompactionStep {
  return planCompaction({ record: state, versions: list, limits: { ...limits, ...change }, nowMs });
}

describe('the plan of a compaction', () => {
  it('does nothing without a limit, and lets go of what it had begun', () => {
    const none = { keepSamples: null };
    assert.deepEqual(plan(undefined, versions(9, 1), 1_000, none), { kind: 'none' });
    assert.deepEqual(plan(record({ next: version(1) }), versions(9, 1), 1_000, none), { kind: 'release' });
    assert.deepEqual(plan(record({ removedTo: 10, purged: false }), versions(9), 1_000, none), {
      kind: 'purge',
      to: 10,
    });
  });

  it('keeps the oldest state there is until the log after it is long enough', () => {
    assert.deepEqual(plan(undefined, []), { kind: 'none' });
    assert.deepEqual(plan(undefined, versions(3, 2, 1)), { kind: 'nominate', next: version(1) });
    const begun = record({ next: version(1) });
    assert.deepEqual(plan(begun, versions(5, 4, 1)), { kind: 'none' }, '40 samples after it');
    assert.deepEqual(plan(begun, versions(6, 5, 1)), { kind: 'write_ids', after: 0, to: 10 }, '50 samples after it');
    assert.deepEqual(plan(begun, versions(9, 8, 3, 1)), { kind: 'nominate', next: version(3) }, 'more may go');
  });

  it('passes over versions without a state', () => {
    const bare = [version(9), version(4, { stateDigest: null }), version(2)];
    assert.deepEqual(plan(undefined, bare), { kind: 'nominate', next: version(2) });
    assert.deepEqual(plan(undefined, [version(9, { stateDigest: null })]), { kind: 'none' });
  });

  it('never cuts at the newest state: one damaged object must not be the end of a head', () => {
    const begun = record({ next: version(1), ids: { to: 10, atMs: 900 } });
    const newestHasNone = [version(9, { stateDigest: null }), version(1)];
    assert.deepEqual(plan(begun, newestHasNone, 1_001), { kind: 'none' });
    assert.deepEqual(plan(begun, versions(9, 1), 1_001), { kind: 'cut', base: version(1) });
  });

  it('keeps what either limit keeps', () => {
    const begun = record({ next: version(1) });
    const list = versions(9, 8, 1);
    const both = (nowMs: number, keepSamples: number) => plan(begun, list, nowMs, { keepSamples, keepMs: 500 }).kind;
    assert.equal(both(510, 80), 'write_ids');
    assert.equal(both(509, 80), 'none');
    assert.equal(both(510, 81), 'none');
    assert.equal(plan(begun, list, 510, { keepSamples: null, keepMs: 500 }).kind, 'write_ids');
    assert.equal(plan(begun, list, 509, { keepSamples: null, keepMs: 500 }).kind, 'none');
  });

  it('lets the ids rest for a fence interval, and writes them again when they rested for more than two', () => {
    const list = versions(9, 8, 1);
    const written = record({ next: version(1), ids: { to: 10, atMs: 1_000 } });
    assert.deepEqual(plan(written, list, 1_099), { kind: 'wait', untilMs: 1_100 });
    assert.deepEqual(plan(written, list, 1_100), { kind: 'cut', base: version(1) });
    assert.deepEqual(plan(written, list, 1_200), { kind: 'cut', base: version(1) });
    assert.deepEqual(plan(written, list, 1_201), { kind: 'write_ids', after: 0, to: 10 });
    assert.deepEqual(plan(written, list, 950), { kind: 'wait', untilMs: 1_100 }, 'a clock that is a little behind');
    assert.deepEqual(plan(written, list, 899), { kind: 'write_ids', after: 0, to: 10 }, 'a clock that was put back');
  });

  it('does not begin anew when a newer version may stand for more, once the ids are written', () => {
    const written = record({ next: version(1), ids: { to: 10, atMs: 1_000 } });
    assert.deepEqual(plan(written, versions(20, 19, 12, 1), 1_050), { kind: 'wait', untilMs: 1_100 });
  });

  it('looks for another when the one it chose is gone, or has lost its state', () => {
    const begun = record({ next: version(1), ids: { to: 10, atMs: 1_000 } });
    assert.deepEqual(plan(begun, versions(9, 8), 1_150), { kind: 'release' });
    assert.deepEqual(plan(begun, [version(9), version(8), version(1, { stateDigest: null })], 1_150), {
      kind: 'release',
    });
  });

  it('ends what was cut before anything else, and goes on after it', () => {
    const cut = record({ removedTo: 10, purged: false, base: version(1) });
    assert.deepEqual(plan(cut, versions(20, 19, 5, 1)), { kind: 'purge', to: 10 });
    const done = { ...cut, purged: true };
    assert.deepEqual(plan(done, versions(20, 19, 5, 1)), { kind: 'nominate', next: version(5) });
    assert.deepEqual(plan({ ...done, next: version(5) }, versions(20, 19, 5, 1)), {
      kind: 'write_ids',
      after: 10,
      to: 50,
    });
    assert.deepEqual(plan(done, versions(1)), { kind: 'none' }, 'the base itself is no next one');
  });

  it('ends whatever becomes of the versions: simulated', () => {
    let state: CompactionRecord = record();
    let list: HeadVersion[] = [];
    let longest = 0;
    for (let n = 1; n <= 400; n++) {
      list = [
        version(n),
        ...list.slice(0, 2),
        ...list.slice(2).filter((each) => [state.base?.version, state.next?.version].includes(each.version)),
      ];
      for (let steps = 0; ; steps++) {
        assert.ok(steps < 6, 'it goes round in circles');
        const step = plan(state, list, n * 10);
        if (step.kind === 'none' || step.kind === 'wait') break;
        if (step.kind === 'nominate') state = { ...state, next: step.next, ids: null };
        else if (step.kind === 'write_ids') state = { ...state, ids: { to: step.to, atMs: n * 10 } };
        else if (step.kind === 'cut') {
          assert.ok(n * 10 - step.base.samples >= 50, 'the newest 50 samples stay');
          state = {
            ...state,
            removedTo: step.base.position.sequence,
            base: step.base,
            next: null,
            ids: null,
            purged: false,
          };
        } else if (step.kind === 'purge') state = { ...state, purged: true };
        else assert.fail('nothing is ever gone');
      }
      longest = Math.max(longest, n * 10 - state.removedTo);
    }
    // 2 * 50 samples, and what comes during a fence interval (100 ms: 100 samples) between.
    assert.ok(longest <= 320, `${longest} samples were in the log`);
    assert.ok(state.removedTo >= 3_500);
  });
});
