import type { SnapshotResult } from '../../fold/fold-pool.js';
import type { HeadStore, LatestPointer, Stored } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import { type HeadDefinition, type HeadStatistics, type HeadVersion, LearnerError } from '../../types.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import { type HeadView, noStatistics } from '../registry/head-view.js';
import { versionsToKeep } from '../upkeep/compaction.js';
import { splitStatistics } from './class-details.js';
import { type RetentionRules, retainVersions } from './retention.js';

export interface SnapshotWriterOptions {
  readonly definition: HeadDefinition;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly registry: Pick<HeadRegistry, 'view' | 'take'>;
  /** Of the lease under which it writes. */
  readonly epoch: number;
  readonly rules: RetentionRules;
}

/** What a pointer tells of the statistics. */
type Told = Pick<LatestPointer, 'details'> & { readonly statistics: HeadStatistics };

/** What keeps versions from going. */
type PinningKeys = Pick<HeadView, 'serving' | 'compaction'>;

const NOTHING_TOLD: Told = { statistics: noStatistics };

/**
 * Writes a head's snapshots as its next versions. The objects come first and are never overwritten; then the pointer moves, and only if it still is
 * where this writer left it. The first thing that it writes is its lease's epoch: from then on a holder of an older lease can't move the pointer.
 */
export class SnapshotWriter {
  private latest: Stored<LatestPointer> | undefined;
  private streamCreated = '';
  /** Details that the last pointer named, and that who has not heard of the newest one may still ask for. */
  private formerDetails: string | undefined;

  constructor(private readonly options: SnapshotWriterOptions) {}

  /**
   * Marks the pointer, which the next snapshot will follow, with the lease's epoch.
   * @param streamCreated the training log's, for the positions of the snapshots to come
   * @returns this generation's versions, newest first
   * @throws LearnerError head_unavailable when the pointer belongs to a later lease, or to a later generation.
   */
  async open(streamCreated: string): Promise<readonly HeadVersion[]> {
    const { definition, store, registry } = this.options;
    this.streamCreated = streamCreated;
    this.latest = registry.view(definition.name)?.latest;
    if (!(await this.mark())) {
      this.latest = await store.get(definition.name, 'latest');
      if (!(await this.mark())) throw overtaken();
    }
    return this.versions;
  }

  /** This generation's versions, newest first. A pointer of an older generation has none of ours, and is overwritten at the revision it has. */
  get versions(): readonly HeadVersion[] {
    const pointer = this.latest?.value;
    return pointer?.generation === this.options.definition.generation ? pointer.versions : [];
  }

  /**
   * @param anew the weights are stored even if an object of their name is there: it is known to be damaged
   * @throws LearnerError head_unavailable when another process moved the pointer.
   */
  async write(snapshot: SnapshotResult, anew = false): Promise<void> {
    const { definition, snapshots } = this.options;
    const modelDigest = await snapshots.put(definition, 'model', snapshot.model, anew);
    const stateDigest = snapshot.state && (await snapshots.put(definition, 'state', snapshot.state));
    const { sequence } = snapshot;
    const told = await this.storeDetails(snapshot.statistics);
    const { statistics } = told;
    const [newest, ...older] = this.versions;
    if (newest?.position.sequence === sequence && newest.modelDigest === modelDigest) {
      // The same version, which gets its state now.
      const versions = [{ ...newest, stateDigest: stateDigest ?? newest.stateDigest }, ...older];
      return this.replace(versions, told);
    }
    const version: HeadVersion = {
      version: (newest?.version ?? 0) + 1,
      samples: statistics.samples,
      position: { streamCreated: this.streamCreated, sequence },
      createdAtMs: Date.now(),
      modelDigest,
      stateDigest,
      champion: statistics.champion,
      accuracy: accuracyOf(statistics),
    };
    return this.replace([version, ...this.versions], told);
  }

  /**
   * Drops a version whose weights are lost, unless an operator pinned it: then the nearest one below it goes on to serve, not the newest.
   * @returns whether it is gone. @throws as `write`.
   */
  async drop(version: number): Promise<boolean> {
    const left = this.versions.filter((each) => each.version !== version);
    if (left.length === this.versions.length) return true;
    const serving = await this.options.store.get(this.options.definition.name, 'serving');
    if (this.needed({ serving, compaction: undefined }).has(version)) return false;
    await this.replace(left, this.latest?.value ?? NOTHING_TOLD);
    return true;
  }

  private async mark(): Promise<boolean> {
    const { definition, epoch } = this.options;
    const pointer = this.latest?.value;
    if (pointer && pointer.generation > definition.generation) throw overtaken();
    const ours = pointer?.generation === definition.generation;
    if (ours && pointer.epoch > epoch) throw overtaken();
    if (ours && pointer.epoch === epoch) return true;
    return this.move(this.versions, ours ? pointer : NOTHING_TOLD);
  }

  /** @returns what the pointer tells of the statistics */
  private async storeDetails(whole: HeadStatistics): Promise<Told> {
    const { statistics, details } = splitStatistics(whole);
    if (details === undefined) return { statistics };
    const digest = await this.options.snapshots.put(this.options.definition, 'classes', details);
    return { statistics, details: { classes: whole.classes.length, digest } };
  }

  private async replace(versions: readonly HeadVersion[], told: Told): Promise<void> {
    const before = this.versions;
    const formerDetails = this.latest?.value.details?.digest;
    const { name } = this.options.definition;
    const { registry, store, rules } = this.options;
    const retain = (keys: PinningKeys | undefined) =>
      retainVersions(versions, rules, { nowMs: Date.now(), needed: this.needed(keys) });
    let kept = retain(registry.view(name));
    // What goes is gone: a pin may have been set that was not heard of yet.
    if (kept.length < versions.length || kept.some((each, i) => each.stateDigest !== versions[i]?.stateDigest)) {
      kept = retain({ serving: await store.get(name, 'serving'), compaction: await store.get(name, 'compaction') });
    }
    if (!(await this.move(kept, told))) throw overtaken();
    await this.removeObjects(before, kept);
    if (formerDetails !== told.details?.digest) await this.removeDetails(formerDetails);
  }

  /** @returns false when the pointer is not where it was: then it was not moved */
  private async move(versions: readonly HeadVersion[], { statistics, details }: Told): Promise<boolean> {
    const { definition, store, registry, epoch } = this.options;
    const { name, generation } = definition;
    // The type is the schema's, whose arrays are not readonly.
    const value = { generation, versions, statistics, details, epoch } as LatestPointer;
    const revision = await store.compareAndSet(name, 'latest', value, this.latest?.revision);
    if (revision === undefined) return false;
    this.latest = { value, revision };
    registry.take({ head: name, key: 'latest', stored: this.latest, revision });
    return true;
  }

  /** The version that the operator pinned, and those that the log was or will be cut at. */
  private needed(keys: PinningKeys | undefined): ReadonlySet<number> {
    const { definition } = this.options;
    const ofThis = <T extends { readonly generation: number }>(stored: Stored<T> | undefined) =>
      stored?.value.generation === definition.generation ? stored.value : undefined;
    const pinned = ofThis(keys?.serving)?.version;
    return new Set([...(pinned === undefined ? [] : [pinned]), ...versionsToKeep(ofThis(keys?.compaction))]);
  }

  /** Of the pointer before the last one: nobody reads them any more. */
  private async removeDetails(former: string | undefined): Promise<void> {
    const { definition, snapshots } = this.options;
    const gone = this.formerDetails;
    this.formerDetails = former;
    const isUsed = gone === former || gone === this.latest?.value.details?.digest;
    if (gone !== undefined && !isUsed) await snapshots.remove(definition, 'classes', gone);
  }

  private async removeObjects(before: readonly HeadVersion[], kept: readonly HeadVersion[]): Promise<void> {
    const { definition, snapshots } = this.options;
    const digests = (versions: readonly HeadVersion[], part: 'modelDigest' | 'stateDigest') =>
      new Set(versions.flatMap((version) => version[part] ?? []));
    for (const part of ['model', 'state'] as const) {
      const used = digests(kept, `${part}Digest`);
      for (const digest of digests(before, `${part}Digest`)) {
        if (!used.has(digest)) await snapshots.remove(definition, part, digest);
      }
    }
  }
}

function accuracyOf({ prequentialAccuracy }: HeadStatistics): number | null {
  const longest = prequentialAccuracy.at(-1);
  return longest && longest.count > 0 ? longest.accuracy : null;
}

/** Whether another process moved the pointer: this one has to begin again from there. */
export function isOvertaken(error: Error): boolean {
  return error instanceof LearnerError && error.code === 'head_unavailable';
}

function overtaken(): LearnerError {
  return new LearnerError(
    'head_unavailable',
    'the head was changed by another process; its newest snapshot is loaded again',
  );
}
