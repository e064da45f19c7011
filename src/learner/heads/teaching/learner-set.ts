import { encodeAct } from '../../fold/log-entry.js';
import { estimateBytes } from '../../learners/create.js';
import type { LearningObserver } from '../../learning.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import { type HeadDefinition, type HeadStatistics, type LearnerKind, learnerKinds } from '../../types.js';
import { MemoryBudget } from './memory-budget.js';

/** The log takes an act of one id once, as long as it is whole: a head gets all learners at most once by itself, and keeps what an operator set after that. */
const ACT_ID = 'all-learners-as-memory-allows';
/** After a start the heads that had all learners before must have their room first: the others wait until no head was opened for so long. */
const QUIET_MS = 2_000;
/** An open head will have more classes than it has now. */
const CLASS_GROWTH = 2;
const FEWEST_CLASSES = 16;

/**
 * Which learners the heads of this process have (`train: auto`): they start with one, and get all as soon as their states have room within
 * `learn.memory`. The change is an act in the head's log, since the fold depends on it.
 */
export class LearnerSet {
  private readonly budget: MemoryBudget;
  /** Heads that would get more learners if there were room. */
  private readonly waiting = new Map<string, { definition: HeadDefinition; statistics: HeadStatistics }>();
  private quiet: NodeJS.Timeout | undefined;
  /** Their room is reserved, and the act is in the log, or on its way: appending it again is harmless. */
  private readonly asked = new Set<string>();

  constructor(
    private readonly log: Pick<TrainingLog, 'appendAct'>,
    memoryBytes: number,
    private readonly observer: Pick<LearningObserver, 'log'>,
  ) {
    this.budget = new MemoryBudget(memoryBytes);
  }

  /** The process ends: the room of its heads is for nobody here. */
  stop(): void {
    this.waiting.clear();
    clearTimeout(this.quiet);
  }

  /**
   * A head's fold is open.
   * @param isNew it has learned nothing yet
   * @param isCut its log has lost its beginning, so it is not known any more whether the act was there: it keeps what it has
   */
  async opened(definition: HeadDefinition, statistics: HeadStatistics, isNew: boolean, isCut = false): Promise<void> {
    // What it has will grow: reservoirs fill.
    const expected = estimate(learnersOf(statistics), definition, statistics);
    const reserved = this.asked.has(definition.name) ? this.budget.of(definition.name) : 0;
    this.budget.set(definition.name, Math.max(bytesOf(statistics), expected, reserved));
    if (isCut) return;
    // The head learns also without the others, when its log is full, say.
    if (isNew) return this.extend(definition, statistics).catch((error: Error) => this.notExtended(definition, error));
    this.waiting.set(definition.name, { definition, statistics });
    clearTimeout(this.quiet);
    this.quiet = setTimeout(() => this.extendWaiting(), QUIET_MS);
    this.quiet.unref();
  }

  /** Something was folded. */
  folded(definition: HeadDefinition, statistics: HeadStatistics): void {
    const { name } = definition;
    const waiting = this.waiting.get(name);
    if (waiting) this.waiting.set(name, { definition, statistics });
    const bytes = bytesOf(statistics);
    if (bytes > this.budget.of(name)) this.budget.set(name, bytes);
  }

  /** Its room goes to those that wait. */
  closed({ name }: HeadDefinition): void {
    this.waiting.delete(name);
    this.asked.delete(name);
    this.budget.release(name);
    this.extendWaiting();
  }

  private extendWaiting(): void {
    for (const { definition, statistics } of [...this.waiting.values()]) {
      this.extend(definition, statistics).catch((error: Error) => this.notExtended(definition, error));
    }
  }

  private notExtended({ name }: HeadDefinition, error: Error): void {
    if (isUnavailable(error)) return;
    this.observer.log('warn', `head '${name}': it gets no more learners: ${error.message}`);
  }

  private async extend(definition: HeadDefinition, statistics: HeadStatistics): Promise<void> {
    const { name } = definition;
    this.waiting.delete(name);
    if (definition.learner.train !== 'auto' || !hasFirstOnly(statistics)) return;
    if (!this.asked.has(name) && !this.budget.reserve(name, estimate(learnerKinds, definition, statistics))) {
      this.waiting.set(name, { definition, statistics });
      return;
    }
    this.asked.add(name);
    const change = { kind: 'set_learners', learners: learnerKinds } as const;
    await this.log.appendAct(definition, ACT_ID, encodeAct({ id: ACT_ID, atMs: Date.now(), change }));
  }
}

function learnersOf({ candidates }: HeadStatistics): LearnerKind[] {
  return learnerKinds.filter((kind) => candidates.some(({ name }) => name === kind));
}

function hasFirstOnly(statistics: HeadStatistics): boolean {
  const kinds = learnersOf(statistics);
  return kinds.length <= 1 && kinds.every((kind) => kind === 'sgd');
}

function bytesOf({ candidates }: HeadStatistics): number {
  return candidates.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** What these learners' states will take. */
function estimate(
  kinds: readonly LearnerKind[],
  { classes, maxClasses, dimensions, learner: options }: HeadDefinition,
  { classes: known }: HeadStatistics,
): number {
  const growing = Math.min(maxClasses, Math.max(FEWEST_CLASSES, CLASS_GROWTH * known.length));
  const count = classes === 'open' ? growing : classes.length;
  return kinds.reduce((sum, kind) => sum + estimateBytes(kind, { dimensions, options }, count), 0);
}
