import type { SnapshotResult } from '../fold/fold-pool.js';
import type { HeadStore, LatestPointer, Stored } from '../nats/head-store.js';
import type { SnapshotStore } from '../nats/snapshot-store.js';
import { type HeadDefinition, type HeadVersion, LearnerError } from '../types.js';
import type { HeadRegistry } from './head-registry.js';

export interface SnapshotWriterOptions {
  readonly definition: HeadDefinition;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly registry: HeadRegistry;
  /** Versions that stay servable. */
  readonly keep: number;
}

/**
 * Writes a head's snapshots as its next versions. The objects come first and are never overwritten; then the pointer moves, and
 * only if it still is where this writer left it: one learner that was overtaken by another can't undo the other's work.
 */
export class SnapshotWriter {
  private latest: Stored<LatestPointer> | undefined;
  private streamCreated = '';

  constructor(private readonly options: SnapshotWriterOptions) {}

  /**
   * Reads the pointer that the next snapshot will follow.
   * @param streamCreated the training log's, for the positions of the snapshots to come
   * @returns this generation's versions, newest first
   */
  async open(streamCreated: string): Promise<readonly HeadVersion[]> {
    const { definition, store } = this.options;
    this.streamCreated = streamCreated;
    this.latest = await store.get(definition.name, 'latest');
    return this.versions;
  }

  /** @throws LearnerError head_unavailable when another process moved the pointer. */
  async write(snapshot: SnapshotResult): Promise<void> {
    const { definition, snapshots, store, registry } = this.options;
    const modelDigest = await snapshots.put(definition, 'model', snapshot.model);
    const stateDigest = await snapshots.put(definition, 'state', snapshot.state);
    const { versions } = this;
    const version: HeadVersion = {
      version: (versions[0]?.version ?? 0) + 1,
      samples: snapshot.statistics.samples,
      position: { streamCreated: this.streamCreated, sequence: snapshot.sequence },
      createdAtMs: Date.now(),
      modelDigest,
      stateDigest,
    };
    const [kept, dropped] = this.retain([version, ...versions]);
    const { generation } = definition;
    const value: LatestPointer = { generation, versions: kept, statistics: copy(snapshot.statistics), epoch: 0 };
    const revision = await store.compareAndSet(definition.name, 'latest', value, this.latest?.revision);
    if (revision === undefined) {
      const what = 'the head was changed by another process; its newest snapshot is loaded again';
      throw new LearnerError('head_unavailable', what);
    }
    this.latest = { value, revision };
    registry.take({ head: definition.name, key: 'latest', stored: this.latest, revision });
    await this.removeObjects(dropped, kept);
  }

  /** A pointer of an older generation has none of ours, and is overwritten at the revision it has. */
  private get versions(): readonly HeadVersion[] {
    const pointer = this.latest?.value;
    return pointer?.generation === this.options.definition.generation ? pointer.versions : [];
  }

  /** The versions to keep: the newest, and the one that the operator pinned. */
  private retain(versions: readonly HeadVersion[]): [HeadVersion[], HeadVersion[]] {
    const status = this.options.registry.status(this.options.definition.name);
    const pinned = status?.pinned ? status.servingVersion : undefined;
    const keep = (version: HeadVersion, index: number) => index < this.options.keep || version.version === pinned;
    return [versions.filter(keep), versions.filter((version, index) => !keep(version, index))];
  }

  private async removeObjects(dropped: readonly HeadVersion[], kept: readonly HeadVersion[]): Promise<void> {
    const { definition, snapshots } = this.options;
    const used = new Set(kept.flatMap(({ modelDigest, stateDigest }) => [modelDigest, stateDigest]));
    for (const { modelDigest, stateDigest } of dropped) {
      if (!used.has(modelDigest)) await snapshots.remove(definition, 'model', modelDigest);
      if (!used.has(stateDigest)) await snapshots.remove(definition, 'state', stateDigest);
    }
  }
}

/** The pointer's type is the schema's, whose arrays are not readonly. */
function copy(statistics: SnapshotResult['statistics']): LatestPointer['statistics'] {
  return structuredClone(statistics) as LatestPointer['statistics'];
}
