import { z } from 'zod';
import { DEFAULT_STREAM_BYTES, parseNatsUrls, type StreamBytes } from '../../../learner/index.js';
import { bytes, integer, text } from '../fields.js';

const streamLimit = (stream: Exclude<keyof StreamBytes, 'ids'>, what: string) =>
  bytes('1MiB', '1024TiB')
    .prefault(`${DEFAULT_STREAM_BYTES[stream] / 2 ** 20}MiB`)
    .describe(what);

/** What can't be parsed now would be retried for ever once the server runs. Credentials are never part of the message. */
function checkNatsUrls(url: string | readonly string[] | null, context: z.RefinementCtx<unknown>): void {
  if (url === null) return;
  try {
    parseNatsUrls(url, 'the value');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
}

export const nats = z.strictObject({
  url: z
    .union([z.null(), text('a URL'), z.array(text('a URL')).min(1)], {
      error: 'expected null (a nats-server of its own) or nats://host:4222, or a list of such URLs',
    })
    .superRefine(checkNatsUrls)
    .default(null)
    .describe('null: starts its own nats-server in dataDir; else nats://host:4222 (a list is allowed)'),
  replicas: integer(1, 5).default(1).describe('copies of each stream and bucket; 3 survives loss of power'),
  serverBinary: text('the path or name of nats-server')
    .nullable()
    .default(null)
    .describe('nats-server to start; null: the one on the PATH or in .tools'),
  streams: z
    .strictObject({
      labels: streamLimit('labels', 'labels not yet joined; full: new ones are refused'),
      served: streamLimit('served', 'served records; full: the oldest are dropped'),
      training: streamLimit('training', 'training logs; full: new samples are refused'),
      embed: streamLimit('embed', 'image labels on their way to an embedding; full: new ones are refused'),
      ids: bytes('1MiB', '1024TiB')
        .prefault('256MiB')
        .describe('ids of samples that were removed from training logs, 100 bytes each; full: nothing more is removed'),
      dead: streamLimit('dead', 'dead letters; full: the oldest are dropped'),
    })
    .prefault({})
    .describe('byte limit of each stream'),
});
