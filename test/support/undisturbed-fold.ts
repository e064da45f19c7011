import { createHash } from 'node:crypto';
import type { NatsConnection, StoredMsg } from 'nats';
import { HeadFold } from '../../src/learner/fold/head-fold.js';
import { decodeEntry } from '../../src/learner/fold/log-entry.js';
import { isNotFound } from '../../src/learner/nats/connection/errors.js';
import type { HeadDefinition } from '../../src/learner/types.js';

/** A head as its log alone makes it. */
export interface UndisturbedFold {
  /** Of the samples in the log, in its order. */
  readonly ids: readonly string[];
  /** Of the same samples. */
  readonly labels: readonly string[];
  readonly lastSequence: number;
  readonly modelDigest: string;
  readonly stateDigest: string;
}

export interface StoredVersion {
  readonly version: number;
  readonly samples: number;
  readonly modelDigest: string;
  readonly stateDigest: string | null;
  readonly position: { readonly sequence: number };
}

/** The versions that the pointer of a head lists, newest first; empty when there is none. */
export async function storedVersions(nats: NatsConnection, head: string): Promise<readonly StoredVersion[]> {
  const kv = await nats.jetstream().views.kv('headwater-heads');
  return (await kv.get(`${head}.latest`))?.json<{ versions: StoredVersion[] }>().versions ?? [];
}

/** Folds the whole training log of a head, as nobody disturbs it, and digests what comes out. */
export async function undisturbedFold(nats: NatsConnection, head: string): Promise<UndisturbedFold> {
  const kv = await nats.jetstream().views.kv('headwater-heads');
  const definition = (await kv.get(`${head}.definition`))?.json<HeadDefinition>();
  if (definition === undefined) throw new Error(`no head '${head}'`);
  const fold = new HeadFold(definition);
  const ids: string[] = [];
  const labels: string[] = [];
  for await (const { data, seq } of entriesOf(nats, definition)) {
    const entry = decodeEntry(data);
    if (entry.kind === 'sample') {
      ids.push(entry.sample.id);
      labels.push(entry.sample.label);
    }
    await fold.waitsFor();
    fold.fold(data, seq);
  }
  const lastSequence = fold.sequence;
  await fold.settled();
  const { model, state } = fold.snapshot();
  return { ids, labels, lastSequence, modelDigest: sha256(model), stateDigest: sha256(state) };
}

async function* entriesOf(nats: NatsConnection, { name, generation }: HeadDefinition): AsyncGenerator<StoredMsg> {
  const manager = await nats.jetstreamManager();
  const { state } = await manager.streams.info('HEADWATER_TRAINING');
  for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
    // A narrower filter overlooks messages in nats-server 2.9.10.
    const query = { seq, next_by_subj: '>' };
    const message = await manager.streams.getMessage('HEADWATER_TRAINING', query).catch((error) => {
      if (isNotFound(error)) return undefined;
      throw error;
    });
    // The last ones were removed.
    if (message === undefined) return;
    if (message.subject.startsWith(`headwater.training.${name}.${generation}.`)) yield message;
    seq = message.seq;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
