import type { NatsLink } from '../nats/connection.js';
import { JETSTREAM_ERROR, jetStreamCode } from '../nats/errors.js';
import { type CompactionRecord, HeadStore, type LatestPointer } from '../nats/head-store.js';
import { type HeadDefinition, type HeadVersion, LearnerError } from '../types.js';

/** What NATS knows of the head when the replay begins. */
export interface StoredHead {
  readonly definition: HeadDefinition;
  readonly latest: LatestPointer | undefined;
  readonly versions: readonly HeadVersion[];
  readonly record: CompactionRecord | undefined;
}

/** @throws LearnerError head_unknown when this NATS never held a head. */
export async function openStore(link: NatsLink, head: string): Promise<HeadStore> {
  return HeadStore.open(link).catch((error: unknown) => {
    if (jetStreamCode(error) === JETSTREAM_ERROR.streamNotFound)
      throw unknown(head, `the NATS at ${link.servers} holds no heads`);
    throw error;
  });
}

/** @throws LearnerError head_unknown. */
export async function readStored(store: HeadStore, head: string): Promise<StoredHead> {
  const definition = (await store.get(head, 'definition'))?.value;
  if (definition === undefined || definition.deleted)
    throw unknown(head, '`headwater heads list` tells those there are');
  const latest = (await store.get(head, 'latest'))?.value;
  const record = (await store.get(head, 'compaction'))?.value;
  const ofGeneration = <T extends { generation: number }>(value: T | undefined) =>
    value?.generation === definition.generation ? value : undefined;
  return {
    definition,
    latest: ofGeneration(latest),
    versions: ofGeneration(latest)?.versions ?? [],
    record: ofGeneration(record),
  };
}

function unknown(head: string, hint: string): LearnerError {
  return new LearnerError('head_unknown', `there is no head '${head}': ${hint}`);
}
