import type { CompactionRecord, HeadStore, LatestPointer } from '../nats/stores/head-store.js';
import { type HeadDefinition, type HeadVersion, LearnerError } from '../types.js';

/** What NATS knows of the head when the replay begins. */
export interface StoredHead {
  readonly definition: HeadDefinition;
  readonly latest: LatestPointer | undefined;
  readonly versions: readonly HeadVersion[];
  readonly record: CompactionRecord | undefined;
}

/** @throws LearnerError head_unknown. */
export async function readStored(store: HeadStore, head: string): Promise<StoredHead> {
  const definition = (await store.get(head, 'definition'))?.value;
  if (definition === undefined || definition.deleted) {
    throw new LearnerError('head_unknown', `there is no head '${head}'; those there are: headwater heads list`);
  }
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
