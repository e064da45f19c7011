import type { LearningObserver } from '../../learning.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import type { HeadStore } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import type { HeadGeneration } from '../../types.js';
import type { HeadRegistry } from '../registry/head-registry.js';

export interface HeadRemovalOptions {
  readonly link: NatsLink;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly log: TrainingLog;
  readonly registry: HeadRegistry;
  readonly observer: Pick<LearningObserver, 'log'>;
  /** Whether this process is the one that clears up after a head of this name. */
  isOurs(head: string): boolean;
}

const LOOK_EVERY_MS = 5_000;
/** Whoever had not heard of the deletion may have written after the first round: there is a second one so much later. */
const SETTLE_MS = 10_000;

/**
 * Removes what deleted heads leave behind: keys, log, remembered ids, snapshots. That takes long for a long log, so it is done in the background, by one of
 * the learners; the definition says which generations there are still remains of, so whoever comes after a crash goes on.
 */
export class HeadRemoval {
  /** When a generation was cleared for the first time; by the monotonic clock. */
  private readonly clearedMs = new Map<string, number>();
  private readonly timer: NodeJS.Timeout;
  private readonly offChange: () => void;
  private running: Promise<void> | undefined;
  private again = false;
  private readonly abort = new AbortController();

  constructor(private readonly options: HeadRemovalOptions) {
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.timer.unref();
    this.offChange = options.registry.onChange((head) => {
      if (head === undefined || options.registry.remains(head).length > 0) this.look();
    });
    this.look();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    clearInterval(this.timer);
    this.offChange();
    await this.running;
  }

  private look(): void {
    this.again = this.running !== undefined;
    if (this.running || this.abort.signal.aborted) return;
    this.running = this.removeAll().finally(() => {
      this.running = undefined;
      if (this.again) this.look();
    });
  }

  private async removeAll(): Promise<void> {
    const { registry, isOurs, observer } = this.options;
    for (const name of registry.withRemains()) {
      for (const generation of registry.remains(name)) {
        if (!this.mayGoOn() || !isOurs(name)) continue;
        await this.remove({ name, generation }).catch((error: Error) => {
          if (isUnavailable(error) || !this.mayGoOn()) return;
          observer.log('warn', `what the deleted head '${name}' left is not removed yet: ${error.message}`);
        });
      }
    }
  }

  private async remove(remains: HeadGeneration): Promise<void> {
    const key = `${remains.name} ${remains.generation}`;
    const clearedMs = this.clearedMs.get(key);
    const now = performance.now();
    if (clearedMs !== undefined && now - clearedMs < SETTLE_MS) return;
    if (!(await this.clear(remains))) return;
    if (clearedMs === undefined) this.clearedMs.set(key, now);
    else if (await this.settle(remains)) this.clearedMs.delete(key);
  }

  /** @returns false when it was interrupted */
  private async clear(remains: HeadGeneration): Promise<boolean> {
    const { store, snapshots, log } = this.options;
    // First of all the pointer, so that a learner that has not heard of the deletion can't move it any more.
    for (const key of ['latest', 'serving', 'compaction', 'damaged'] as const) {
      await store.removeOf(remains.generation, remains.name, key);
    }
    await snapshots.removeAll(remains);
    return log.purge(remains, () => this.mayGoOn(), this.abort.signal);
  }

  /** @returns whether the definition tells of no remains any more */
  private async settle({ name, generation }: HeadGeneration): Promise<boolean> {
    const { store, registry } = this.options;
    const stored = await store.get(name, 'definition');
    if (stored === undefined) return true;
    const value = { ...stored.value, remains: stored.value.remains.filter((each) => each !== generation) };
    const revision = await store.compareAndSet(name, 'definition', value, stored.revision);
    if (revision === undefined) return false;
    registry.take({ head: name, key: 'definition', stored: { value, revision }, revision });
    return true;
  }

  private mayGoOn(): boolean {
    return !this.abort.signal.aborted && this.options.link.connected;
  }
}
