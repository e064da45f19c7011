import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DEFAULT_STREAM_BYTES, reservedBytes, streamConfigs } from '../../../../src/learner/nats/streams/streams.js';

const configs = streamConfigs({ replicas: 3, windowMs: 60_000, bytes: DEFAULT_STREAM_BYTES });

describe('the settings of the streams', () => {
  it('name seven streams with disjoint subjects', () => {
    const names = configs.map(({ name }) => name.replace('HEADWATER_', ''));
    assert.deepEqual(names, ['LABELS', 'PARKED', 'EMBED', 'SERVED', 'TRAINING', 'DEAD', 'IDS']);
    const roots = configs.flatMap(({ subjects }) => subjects?.map((subject) => subject.split('.', 2).join('.')));
    assert.equal(new Set(roots).size, configs.length);
  });

  it('bound every stream, on disk, with the replicas asked for', () => {
    for (const config of configs) {
      assert.ok(config.max_bytes > 0 || (config.max_msgs ?? 0) > 0, config.name);
      assert.equal(config.storage, 'file');
      assert.equal(config.num_replicas, 3);
    }
  });

  it('reserve what reservedBytes says', () => {
    assert.equal(
      reservedBytes(DEFAULT_STREAM_BYTES),
      configs.reduce((sum, config) => sum + Math.max(0, config.max_bytes), 0),
    );
  });

  it('never let nats-server drop a message for its bytes where others than Headwater publish', () => {
    const refusing = configs.filter(({ discard }) => discard === 'new');
    const byNumber = refusing.filter(({ max_bytes: bytes }) => bytes < 0).map(({ name }) => name);
    assert.deepEqual(byNumber, ['HEADWATER_LABELS', 'HEADWATER_PARKED', 'HEADWATER_EMBED']);
  });

  it('keep one message a subject in the training log, for ever', () => {
    const training = configs.find(({ name }) => name === 'HEADWATER_TRAINING');
    assert.equal(training?.max_msgs_per_subject, 1);
    assert.equal(training?.discard, 'new');
    assert.equal(training?.discard_new_per_subject, true);
    assert.equal(training?.max_age, undefined);
  });

  it('keep served records an hour longer than a label can join', () => {
    const served = configs.find(({ name }) => name === 'HEADWATER_SERVED');
    assert.equal(served?.max_age, (60_000 + 3_600_000) * 1e6);
  });
});
