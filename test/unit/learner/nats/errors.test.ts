import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorCode, NatsError } from 'nats';
import {
  describeNatsError,
  isNoResponders,
  isNotFound,
  isStoreRefusal,
  isStreamFull,
  isSubjectTaken,
  isTimeout,
  isTooLarge,
  isUnavailable,
  JETSTREAM_ERROR,
  jetStreamCode,
} from '../../../../src/learner/nats/connection/errors.js';

function apiError(status: number, code: number, description: string): NatsError {
  const error = new NatsError(String(status), String(status));
  error.api_error = { code: status, err_code: code, description };
  return error;
}

const taken = apiError(503, 10077, 'maximum messages per subject exceeded');
const full = apiError(503, 10077, 'maximum bytes exceeded');
const manyMessages = apiError(503, 10077, 'maximum messages exceeded');
const disk = apiError(503, 10077, 'write /data/1.blk: no space left on device');
const starting = apiError(503, 10008, 'JetStream system temporarily unavailable');
const noResponders = NatsError.errorForCode(ErrorCode.NoResponders);
const timeout = NatsError.errorForCode(ErrorCode.Timeout);
const directMiss = new NatsError('message not found', ErrorCode.JetStream404NoMessages);
const closed = NatsError.errorForCode(ErrorCode.ConnectionClosed);
const all = {
  taken,
  full,
  manyMessages,
  disk,
  starting,
  noResponders,
  timeout,
  directMiss,
  closed,
  other: new Error('x'),
};

describe('telling the errors of NATS apart', () => {
  const classes: [string, (error: unknown) => boolean, (keyof typeof all)[]][] = [
    ['isSubjectTaken', isSubjectTaken, ['taken']],
    ['isStreamFull', isStreamFull, ['full', 'manyMessages']],
    ['isStoreRefusal', isStoreRefusal, ['taken', 'full', 'manyMessages', 'disk']],
    ['isNoResponders', isNoResponders, ['noResponders']],
    ['isTimeout', isTimeout, ['timeout']],
    ['isNotFound', isNotFound, ['directMiss']],
    ['isTooLarge', isTooLarge, []],
    ['isUnavailable', isUnavailable, ['starting', 'noResponders', 'timeout', 'closed']],
  ];
  for (const [name, belongs, expected] of classes) {
    it(name, () => {
      const found = Object.entries(all).filter(([, error]) => belongs(error));
      assert.deepEqual(
        found.map(([key]) => key),
        expected,
      );
    });
  }

  it('reads the code of JetStream only', () => {
    assert.equal(jetStreamCode(taken), JETSTREAM_ERROR.storeFailed);
    assert.equal(jetStreamCode(timeout), undefined);
    assert.equal(jetStreamCode(undefined), undefined);
  });

  it('describes what nats.js leaves out', () => {
    assert.equal(describeNatsError(full), 'maximum bytes exceeded (10077)');
    assert.equal(describeNatsError(timeout), 'no answer in time');
    assert.match(describeNatsError(noResponders), /nobody answers/);
    assert.equal(describeNatsError('odd'), 'odd');
  });
});
