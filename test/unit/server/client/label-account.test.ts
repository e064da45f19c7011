import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accountForLabels, judgeLabels } from '../../../../src/server/client/label-account.js';

const ZEROS = { trained: 0, duplicate: 0, unknown_id: 0, late: 0, invalid: 0 };
const head = (samples: number, labelResults: Record<string, number> = {}) => ({ samples, labelResults });
const judge = (labelled: number, before: ReturnType<typeof head>, after: ReturnType<typeof head>, nats?: string) =>
  judgeLabels(labelled, accountForLabels(labelled, before, after), 'here:8001', nats);

test('all trained, or trained before, is nothing to tell of', () => {
  assert.equal(judge(4, head(0, ZEROS), head(4, { ...ZEROS, trained: 4 })), undefined);
  assert.equal(judge(4, head(4, ZEROS), head(6, { ...ZEROS, duplicate: 2 })), undefined);
  assert.equal(judge(0, head(4, ZEROS), head(4, ZEROS)), undefined);
  const noise = { ...ZEROS, duplicate: 9, invalid: 3 };
  assert.equal(judge(4, head(4, ZEROS), head(4, noise)), undefined, 'other clients make the counts larger');
});

test('labels that went elsewhere fail, and the message names --nats', () => {
  const verdict = judge(4, head(0, ZEROS), head(0, ZEROS), 'nats://other:4222');
  assert.equal(verdict?.failed, true);
  assert.match(verdict?.message ?? '', /4 of 4 .*check that --nats is the NATS that here:8001 uses/);
  assert.doesNotMatch(verdict?.message ?? '', /other/, 'the URL may have credentials');
});

test('dead letters fail, by reason', () => {
  const verdict = judge(4, head(0, { ...ZEROS, late: 5 }), head(1, { ...ZEROS, late: 6, unknown_id: 2 }));
  assert.equal(verdict?.failed, true);
  assert.match(verdict?.message ?? '', /^3 labels could not be used \(unknown id 2, late 1, invalid 0\)[^;]*$/);
});

test('a server that began to count anew is not accused', () => {
  const verdict = judge(4, head(4, { ...ZEROS, trained: 4 }), head(4, { ...ZEROS, duplicate: 1 }));
  assert.equal(verdict?.failed, false);
  assert.match(verdict?.message ?? '', /3 of 4 .* restarted meanwhile/);
});

test('a server that does not join: a hint only with --nats, when nothing was trained', () => {
  assert.equal(judge(4, head(4), head(4)), undefined);
  assert.equal(judge(4, head(4), head(5), 'nats.json'), undefined);
  assert.equal(judge(0, head(4), head(4), 'nats.json'), undefined);
  const verdict = judge(4, head(4), head(4), 'nats.json');
  assert.deepEqual([verdict?.failed, /same --run before/.test(verdict?.message ?? '')], [false, true]);
  assert.equal(accountForLabels(4, head(4), head(4)).unaccounted, null);
});
