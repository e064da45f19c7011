import { encodeAct } from '../fold/log-entry.js';
import { estimateBytes } from '../learners/create.js';
import type { LearningObserver } from '../learning.js';
import { isUnavailable } from '../nats/errors.js';
import type { TrainingLog } from '../nats/training-log.js';
import { type HeadDefinition, type HeadStatistics, type LearnerKind, learnerKinds } from '../types.js';
import { MemoryBudget } from './memory-budget.js';

/** The log takes an act of one id once: a head gets all learners at most once by itself, and keeps what an operator set after that. */
const ACT_ID = 'all-learners-as-memory-allows';
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
  /** The act is in the log, or on its way. */
  private readonly asked = new Set<string>();

  constructor(
    private readonly log: Pick<TrainingLog, 'appendAct'>,
    memoryBytes: number,
    private readonly observer: Pick<LearningObserver, 'log'>,
  ) {
    this.budget = new MemoryBudget(memoryBytes);
  }

  /** A head's fold is open. @throws when NATS does not answer. */
  async opened(definition: HeadDefinition, statistics: HeadStatistics): Promise<void> {
    this.budget.set(definition.name, bytesOf(statistics));
    this.asked.delete(definition.name);
    await this.extend(definition, statistics);
  }

  /** Something was folded. */
  async folded(definition: HeadDefinition, statistics: HeadStatistics): Promise<void> {
    const { name } = definition;
    const waiting = this.waiting.get(name);
    if (waiting) this.waiting.set(name, { definition, statistics });
    const bytes = bytesOf(statistics);
    // What was reserved for learners to come stays reserved.
    if (!this.asked.has(name) || bytes > this.budget.of(name)) this.budget.set(name, bytes);
  }

  /** Its room goes to those that wait. */
  closed({ name }: HeadDefinition): void {
    this.waiting.delete(name);
    this.asked.delete(name);
    this.budget.release(name);
    for (const { definition, statistics } of [...this.waiting.values()]) {
      this.extend(definition, statistics).catch((error: Error) => {
        if (isUnavailable(error)) return;
        this.observer.log('warn', `head '${definition.name}': it gets no more learners: ${error.message}`);
      });
    }
  }

  private async extend(definition: HeadDefinition, statistics: HeadStatistics): Promise<void> {
    const { name } = definition;
    if (definition.learner.train !== 'auto' || this.asked.has(name) || !hasFirstOnly(statistics)) return;
    if (!this.budget.reserve(name, estimateAll(definition, statistics))) {
      this.waiting.set(name, { definition, statistics });
      return;
    }
    this.waiting.delete(name);
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

function estimateAll(
  { classes, maxClasses, dimensions, learner: options }: HeadDefinition,
  { classes: known }: HeadStatistics,
): number {
  const growing = Math.min(maxClasses, Math.max(FEWEST_CLASSES, CLASS_GROWTH * known.length));
  const count = classes === 'open' ? growing : classes.length;
  return learnerKinds.reduce((sum, kind) => sum + estimateBytes(kind, { dimensions, options }, count), 0);
}
