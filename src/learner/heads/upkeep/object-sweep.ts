import { decodeSnapshot } from '../../fold/snapshot-container.js';
import type { LearningObserver } from '../../learning.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import { type HeadDefinition, LearnerError } from '../../types.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import { type HeadView, versionsOf } from '../registry/head-view.js';

export interface ObjectSweepOptions {
  readonly snapshots: SnapshotStore;
  readonly registry: Pick<HeadRegistry, 'definition' | 'view'>;
  readonly observer: Pick<LearningObserver, 'log'>;
  /** Whether this process teaches the head: nobody else clears up for it. */
  teaches(head: string): boolean;
  /** Whether what belongs to no head is this process's to clear up. */
  isOurs(name: string): boolean;
}

const EVERY_MS = 3_600_000;
/** What is younger may be on its way to a pointer. */
const OLD_MS = 3_600_000;

/**
 * Removes objects that no pointer names: their writer died between storing them and moving the pointer, or between moving it and removing the old ones. It
 * looks at all objects there are, so it does so rarely.
 */
export class ObjectSweep {
  private readonly timer: NodeJS.Timeout;
  private running: Promise<unknown> | undefined;
  private stopped = false;

  /** @param everyMs another time is for tests */
  constructor(
    private readonly options: ObjectSweepOptions,
    everyMs = EVERY_MS,
  ) {
    this.timer = setInterval(() => this.run(), everyMs);
    this.timer.unref();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.timer);
    await this.running;
  }

  /**
   * @param olderThanMs another time is for tests
   * @returns how many objects were removed. @throws when NATS does not answer.
   */
  async sweep(olderThanMs = OLD_MS): Promise<number> {
    const { snapshots, isOurs } = this.options;
    const beforeMs = Date.now() - olderThanMs;
    let removed = isOurs('unfinished objects') ? await snapshots.removeUnfinished(beforeMs) : 0;
    for (const object of await snapshots.list()) {
      if (this.stopped) break;
      const definition = this.ownerOf(object.head, object.generation);
      if (!definition || this.isNamed(object.head, object.digest)) continue;
      const { part, digest } = object;
      const storedAtMs = await snapshots.storedAtMs(definition, part, digest);
      if (storedAtMs === undefined || storedAtMs >= beforeMs) continue;
      if (part === 'model' && (await this.isImported(definition, digest))) continue;
      // It may have been named meanwhile.
      if (this.isNamed(object.head, digest)) continue;
      await snapshots.remove(definition, part, digest);
      removed += 1;
    }
    return removed;
  }

  private run(): void {
    this.running ??= this.sweep()
      .then((removed) => {
        if (removed > 0) this.options.observer.log('info', `removed ${removed} snapshot objects that nothing names`);
      })
      .catch((error: Error) => {
        if (!isUnavailable(error)) this.options.observer.log('warn', `snapshot objects: ${error.message}`);
      })
      .finally(() => {
        this.running = undefined;
      });
  }

  /** Of other generations, whoever deletes them clears up. */
  private ownerOf(head: string, generation: number): HeadDefinition | undefined {
    const definition = this.options.registry.definition(head);
    return definition?.generation === generation && this.options.teaches(head) ? definition : undefined;
  }

  private isNamed(head: string, digest: string): boolean {
    const view = this.options.registry.view(head);
    return view !== undefined && namedDigests(view).has(digest);
  }

  /** The log names the weights that a head began with: no pointer has to. */
  private async isImported(definition: HeadDefinition, digest: string): Promise<boolean> {
    try {
      const { metadata } = decodeSnapshot('model', await this.options.snapshots.get(definition, 'model', digest), true);
      return Object.hasOwn(metadata as object, 'importedFrom');
    } catch (error) {
      if (error instanceof LearnerError && error.code === 'snapshot_corrupt') return true;
      throw error;
    }
  }
}

function namedDigests(view: HeadView): ReadonlySet<string> {
  const { base, next } = view.compaction?.value ?? {};
  const versions = [...versionsOf(view), ...(base ? [base] : []), ...(next ? [next] : [])];
  const digests = versions.flatMap(({ modelDigest, stateDigest }) => [modelDigest, stateDigest ?? []].flat());
  return new Set([...digests, view.latest?.value.details?.digest ?? []].flat());
}
