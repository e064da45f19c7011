import type { HeadFold } from '../fold/head-fold.js';
import { attachmentOf, decodeEntry } from '../fold/log-entry.js';
import type { SnapshotStore } from '../nats/stores/snapshot-store.js';
import type { HeadDefinition, HeadVersion, LearnerOptions } from '../types.js';
import { compareVersion, type VersionComparison } from './compare-versions.js';

/** The fold on its way through the log. */
export class ReplayRun {
  entries = 0;
  judged = 0;
  correct = 0;
  readonly versions: VersionComparison[] = [];

  /** @param onTheWay oldest first */
  constructor(
    private readonly fold: HeadFold,
    private readonly onTheWay: HeadVersion[],
    private readonly definition: HeadDefinition,
    private readonly snapshots: SnapshotStore,
    private readonly whatIf: LearnerOptions | undefined,
  ) {}

  async take(bytes: Uint8Array, sequence: number): Promise<void> {
    await this.comparePassed(sequence - 1);
    if (this.isOverruled(bytes)) return;
    const digest = attachmentOf(bytes);
    const attachment = digest === undefined ? undefined : await this.snapshots.get(this.definition, 'model', digest);
    await this.fold.waitsFor();
    const outcome = this.fold.fold(bytes, sequence, attachment);
    this.entries += 1;
    if (outcome.kind !== 'learned' || outcome.correct === undefined) return;
    this.judged += 1;
    if (outcome.correct) this.correct += 1;
  }

  end(to: number): Promise<void> {
    return this.comparePassed(to);
  }

  /** A version's position is an entry of its head, so the fold stands there before the next entry comes. */
  private async comparePassed(sequence: number): Promise<void> {
    for (;;) {
      const next = this.onTheWay[0];
      if (next === undefined || next.position.sequence > sequence) return;
      this.onTheWay.shift();
      this.versions.push(await compareVersion(this.fold, next));
    }
  }

  /** A what-if that says what trains or serves does not follow the acts that said so. */
  private isOverruled(bytes: Uint8Array): boolean {
    if (this.whatIf === undefined) return false;
    const entry = decodeEntry(bytes);
    if (entry.kind !== 'act') return false;
    const { kind } = entry.act.change;
    return (
      (kind === 'set_learners' && this.whatIf.train !== 'auto') || (kind === 'promote' && this.whatIf.serve !== 'auto')
    );
  }
}
