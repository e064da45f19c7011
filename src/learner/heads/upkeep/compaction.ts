import { setTimeout as delay } from 'node:timers/promises';
import type { LearningObserver } from '../../learning.js';
import type { RemovedIds } from '../../nats/log/removed-ids.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import type { CompactionRecord, HeadStore, Stored } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import { type HeadDefinition, type HeadVersion, LearnerError } from '../../types.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import { type CompactionLimits, type CompactionStep, planCompaction } from './compaction-plan.js';
import { rememberIds } from './remember-ids.js';

export interface CompactorOptions {
  readonly log: TrainingLog;
  readonly removed: RemovedIds;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  /** Hears of each change at once, so that retention keeps what was chosen. */
  readonly registry: Pick<HeadRegistry, 'take'>;
  readonly limits: CompactionLimits;
  readonly tell: LearningObserver['log'];
}

/** A head whose lease this process holds. */
export interface HeadToCompact {
  readonly definition: HeadDefinition;
  /** Newest first, as the pointer lists them now. */
  versions(): readonly HeadVersion[];
  /** False once the lease is lost or the learner stops: nothing is written after that. */
  mayGoOn(): boolean;
  /** Aborted when the learner stops: what waits for NATS ends then, too. */
  readonly signal?: AbortSignal | undefined;
}

/** Versions whose states must be kept, whatever retention says: what a replay begins from, and what the next cut will leave to begin from. */
export function versionsToKeep(record: CompactionRecord | undefined): number[] {
  return [record?.base, record?.next].flatMap((version) => (version ? [version.version] : []));
}

/**
 * Cuts old entries off the training logs. A cut is a series of steps, each of which may be repeated and each of which leaves something that the next
 * process can go on with; which one is due says compaction-plan.ts.
 */
export class LogCompactor {
  /** One head at a time: writing ids is a lot of messages. */
  private tail: Promise<unknown> = Promise.resolve();
  /** Digests of states that could not be read: they stand for nothing. */
  private readonly damaged = new Set<string>();
  /** By head: when its fence interval ends. */
  private readonly timers = new Map<string, NodeJS.Timeout>();

  constructor(private readonly options: CompactorOptions) {}

  /** How far a head's log was cut; undefined: it is whole, and nothing is about to be cut. @throws when NATS does not answer. */
  async record(definition: HeadDefinition): Promise<CompactionRecord | undefined> {
    return (await this.stored(definition)).record;
  }

  /**
   * Does what is due now for one head: mostly nothing. To be called after a state was stored, while the head's lease is held; what has to wait comes by
   * itself later. It may take long (ids are written), so nobody should wait for it.
   * @returns the record as it is now: retention must keep `versionsToKeep(record)`
   * @throws LearnerError head_unavailable when another process changed the record; whatever NATS says when it does not answer, or HEADWATER_IDS is
   * full. Trying again later is safe.
   */
  compact(head: HeadToCompact): Promise<CompactionRecord | undefined> {
    const result = this.tail.then(() => this.run(head));
    this.tail = result.catch(() => {});
    return result;
  }

  private async run(head: HeadToCompact): Promise<CompactionRecord | undefined> {
    if (!head.mayGoOn()) return undefined;
    const { limits } = this.options;
    let { record, revision } = await this.stored(head.definition);
    while (head.mayGoOn()) {
      const step = planCompaction({ record, versions: this.readable(head), limits, nowMs: Date.now() });
      if (step.kind === 'wait') this.comeBack(head, step.untilMs);
      if (step.kind === 'none' || step.kind === 'wait') return record;
      const changed = await this.take(step, head, record);
      if (changed === undefined || !head.mayGoOn()) return record;
      revision = await this.write(head.definition, changed, revision);
      record = changed;
      if (step.kind === 'purge') this.tellPurged(head.definition, step.to);
      // Between two steps others get their turn.
      await delay(0);
    }
    return record;
  }

  /** A head that nothing is told of meanwhile must not rest until its ids are too old. */
  private comeBack(head: HeadToCompact, atMs: number): void {
    const { name } = head.definition;
    const again = () => {
      this.timers.delete(name);
      this.compact(head).catch((error: Error) => {
        // The next state that is stored begins it again.
        if (head.mayGoOn()) this.options.tell('warn', `head '${name}': its log is not compacted: ${error.message}`);
      });
    };
    clearTimeout(this.timers.get(name));
    const timer = setTimeout(again, Math.max(0, atMs - Date.now()));
    timer.unref();
    this.timers.set(name, timer);
  }

  /** @returns the record after the step; undefined when it was interrupted */
  private async take(
    step: Exclude<CompactionStep, { kind: 'none' | 'wait' }>,
    { definition, mayGoOn, signal }: HeadToCompact,
    record: CompactionRecord | undefined,
  ): Promise<CompactionRecord | undefined> {
    const { log, removed } = this.options;
    const before = record ?? startOf(definition);
    switch (step.kind) {
      case 'nominate':
        return { ...before, next: step.next, ids: null };
      case 'release':
        return { ...before, next: null, ids: null };
      case 'write_ids': {
        const whole = await rememberIds({
          ...{ log, removed, definition, mayGoOn, signal },
          after: step.after,
          to: step.to,
        });
        return whole ? { ...before, ids: { to: step.to, atMs: Date.now() } } : undefined;
      }
      case 'cut':
        if (!(await this.canRead(definition, step.base))) return { ...before, next: null, ids: null };
        return {
          ...before,
          removedTo: step.base.position.sequence,
          purged: false,
          base: step.base,
          next: null,
          ids: null,
        };
      case 'purge':
        return (await log.removeTo(definition, step.to, mayGoOn, signal)) ? { ...before, purged: true } : undefined;
    }
  }

  private readable(head: HeadToCompact): readonly HeadVersion[] {
    return head.versions().filter(({ stateDigest }) => stateDigest === null || !this.damaged.has(stateDigest));
  }

  /** Reads the state from the store itself: what it stands for can't be learned again once it is removed. */
  private async canRead(definition: HeadDefinition, { version, stateDigest }: HeadVersion): Promise<boolean> {
    if (stateDigest === null) return false;
    try {
      await this.options.snapshots.verify(definition, 'state', stateDigest);
      return true;
    } catch (error) {
      if (!(error instanceof LearnerError) || error.code !== 'snapshot_corrupt') throw error;
      this.damaged.add(stateDigest);
      const what = `the state of version ${version}, which would have stood for old entries of its training log, is damaged (${error.message})`;
      this.options.tell('error', `head '${definition.name}': ${what}; the entries stay`);
      return false;
    }
  }

  private async stored({ name, generation }: HeadDefinition) {
    const stored: Stored<CompactionRecord> | undefined = await this.options.store.get(name, 'compaction');
    const record = stored?.value.generation === generation ? stored.value : undefined;
    return { record, revision: stored?.revision };
  }

  private async write(definition: HeadDefinition, record: CompactionRecord, revision: number | undefined) {
    const { store, registry } = this.options;
    const { name } = definition;
    const written = await store.compareAndSet(name, 'compaction', record, revision);
    if (written === undefined) {
      throw new LearnerError('head_unavailable', `the log of head '${name}' is being compacted by another process`);
    }
    registry.take({ head: name, key: 'compaction', stored: { value: record, revision: written }, revision: written });
    return written;
  }

  private tellPurged({ name }: HeadDefinition, to: number): void {
    this.options.tell(
      'info',
      `head '${name}': entries of its training log up to ${to} were removed (training.keepSamples, training.keepFor)`,
    );
  }
}

function startOf({ generation }: HeadDefinition): CompactionRecord {
  return { generation, removedTo: 0, purged: true, base: null, next: null, ids: null };
}
