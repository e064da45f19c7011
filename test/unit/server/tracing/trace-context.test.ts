import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  isSampled,
  parseTraceparent,
  spanOf,
  traceOfId,
  traceOfKey,
} from '../../../../src/server/tracing/trace-context.js';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

describe('traceparent', () => {
  it('is read as W3C has it', () => {
    assert.deepEqual(parseTraceparent(`00-${TRACE}-${SPAN}-01`), { traceId: TRACE, spanId: SPAN, sampled: true });
    assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-00`)?.sampled, false);
    assert.equal(parseTraceparent(`00-${TRACE}-${SPAN}-03`)?.sampled, true);
    // A later version may say more at the end.
    assert.equal(parseTraceparent(`cc-${TRACE}-${SPAN}-01-more`)?.traceId, TRACE);
  });

  it('that is none is no caller', () => {
    const wrong = [
      undefined,
      '',
      'hello',
      `ff-${TRACE}-${SPAN}-01`,
      `00-${'0'.repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${'0'.repeat(16)}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01-more`,
      `00-${TRACE}-${SPAN}-1`,
      ` 00-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01\n`,
    ];
    for (const text of wrong) assert.equal(parseTraceparent(text), undefined, String(text));
  });
});

describe('the trace of an id', () => {
  it('is the same from the id and from its key in the log', () => {
    for (const id of ['a', 'cam-1/2026-11-23T07:00:00', 'ü'.repeat(100)]) {
      const key = createHash('sha256').update(id, 'utf8').digest('base64url').slice(0, 22);
      assert.equal(traceOfKey(key), traceOfId(id));
      assert.match(traceOfId(id), /^[0-9a-f]{32}$/);
    }
  });

  it('has a span of its own for each step', () => {
    assert.match(spanOf(TRACE, 'request'), /^[0-9a-f]{16}$/);
    assert.equal(spanOf(TRACE, 'request'), spanOf(TRACE, 'request'));
    assert.notEqual(spanOf(TRACE, 'request'), spanOf(TRACE, 'join'));
  });

  it('is recorded for the share that is asked for', () => {
    const traces = Array.from({ length: 4000 }, (_, index) => traceOfId(`request ${index}`));
    const count = (share: number) => traces.filter((trace) => isSampled(trace, share)).length;
    assert.equal(count(0), 0);
    assert.equal(count(1), 4000);
    assert.ok(Math.abs(count(0.1) - 400) < 100, `${count(0.1)} of 4000`);
    // What a small share records, a larger one records, too: processes may be configured at different times.
    assert.ok(traces.every((trace) => !isSampled(trace, 0.05) || isSampled(trace, 0.1)));
  });
});
