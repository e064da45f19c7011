import type { HeadStore, LatestPointer } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import { type HeadDefinition, type HeadStatistics, LearnerError } from '../../types.js';
import { wholeStatistics } from '../snapshots/class-details.js';

/** Heads whose classes are kept: each at most some megabytes. */
const MAX_KEPT = 16;

/** All classes of heads that have more than their pointers hold: fetched when somebody asks, and kept until there is a newer version. */
export class StoredStatistics {
  private readonly kept = new Map<string, { readonly digest: string; readonly statistics: Promise<HeadStatistics> }>();

  constructor(
    private readonly store: Pick<HeadStore, 'get'>,
    private readonly snapshots: SnapshotStore,
  ) {}

  /**
   * @param pointer as last heard of: when it has moved on meanwhile, the newest one is read
   * @returns with the classes of the pointer only when the others can't be read: the next version brings them again
   * @throws whatever NATS says when it does not answer.
   */
  async whole(definition: HeadDefinition, pointer: LatestPointer): Promise<HeadStatistics> {
    try {
      return await this.read(definition, pointer);
    } catch (error) {
      if (!(error instanceof LearnerError) || error.code !== 'snapshot_corrupt') throw error;
    }
    const newest = (await this.store.get(definition.name, 'latest'))?.value;
    if (newest?.generation !== definition.generation) return pointer.statistics;
    return this.read(definition, newest).catch((error) => {
      if (error instanceof LearnerError && error.code === 'snapshot_corrupt') return newest.statistics;
      throw error;
    });
  }

  private read(definition: HeadDefinition, pointer: LatestPointer): Promise<HeadStatistics> {
    const { details } = pointer;
    if (details === undefined) return Promise.resolve(pointer.statistics);
    const { name } = definition;
    const known = this.kept.get(name);
    if (known?.digest === details.digest) return known.statistics;
    const statistics = wholeStatistics(this.snapshots, definition, pointer);
    this.kept.delete(name);
    this.kept.set(name, { digest: details.digest, statistics });
    statistics.catch(() => {
      if (this.kept.get(name)?.statistics === statistics) this.kept.delete(name);
    });
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MAX_KEPT) break;
      this.kept.delete(oldest);
    }
    return statistics;
  }
}
