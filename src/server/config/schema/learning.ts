// Labels and what becomes of them: joining, learning, versions, the training log.
import { z } from 'zod';
import { bytes, choice, duration, integer } from '../fields.js';

export const labels = z
  .strictObject({
    window: duration('1s', '30d').prefault('24h').describe('how long a label can join an answer'),
    grace: duration('0ms', '1h').prefault('30s').describe('how long a label may precede the record of its answer'),
    dedupe: duration('1s', '3650d')
      .prefault('30d')
      .describe(
        'how long ids are remembered once their samples were removed from a training log; till then they all are',
      ),
    record: choice(['durable', 'async'])
      .default('durable')
      .describe('durable: an answer waits (50 ms at most) until its record is stored'),
    inFlight: integer(1, 10_000_000).default(10_000).describe('labels being stored at once by Feedback calls'),
  })
  .refine((value) => value.dedupe >= value.window, {
    path: ['dedupe'],
    error: 'expected a duration not below labels.window: a label could be counted twice',
  });

export const learn = z.strictObject({
  memory: bytes('1MiB', '1024TiB')
    .prefault('2GiB')
    .describe("what the learners' states of all heads that this process teaches may take; `train: auto` keeps to it"),
  lease: duration('1s', '10m')
    .prefault('10s')
    .describe('a learner that is not heard of for so long loses its heads to the others'),
});

export const snapshots = z.strictObject({
  everySamples: integer(1, 10_000_000).default(200).describe('samples after which a snapshot is written'),
  interval: duration('10ms', '1h').prefault('1s').describe('... or so long after a sample, whichever is first'),
  keep: integer(1, 1000).default(10).describe('newest versions of a head that can be served again'),
  keepFor: duration('0ms', '3650d')
    .prefault('30d')
    .describe('of older ones some are kept for so long, the fewer the older they are'),
  stateEvery: duration('10ms', '1h')
    .prefault('10s')
    .describe("how often the learners' states are stored, at most: what a restart has to fold again"),
});

export const training = z.strictObject({
  keepSamples: integer(1, Number.MAX_SAFE_INTEGER)
    .nullable()
    .default(null)
    .describe('newest samples that each training log keeps; null: all'),
  keepFor: duration('1m', '3650d')
    .nullable()
    .default(null)
    .describe('how long samples stay in a training log; null: for ever; with both, what either keeps stays'),
});
