import type { HeadDefinition } from '../types.js';
import { HeadLearner, type HeadLearnerOptions } from './head-learner.js';
import type { LiveHead } from './head-view.js';

interface Running {
  readonly generation: number;
  readonly learner: HeadLearner;
}

/** One learner for each head that exists: begun when a head appears, ended when it goes. */
export class HeadLearners {
  private readonly running = new Map<string, Running>();
  /** Heads whose last learner is still ending: the next begins after it. */
  private readonly ending = new Map<string, Promise<void>>();
  private stopped = false;
  private readonly offChange: () => void;

  constructor(private readonly common: Omit<HeadLearnerOptions, 'definition'>) {
    this.offChange = common.registry.onChange(() => this.follow());
    this.follow();
  }

  live(head: string): LiveHead | undefined {
    return this.running.get(head)?.learner.live;
  }

  /** Ends all, each after a last snapshot. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.offChange();
    await Promise.all([...this.running.values()].map(({ learner }) => learner.stop(true)));
    await Promise.all(this.ending.values());
    await this.common.pool.terminate();
  }

  private follow(): void {
    if (this.stopped) return;
    const wanted = new Map(this.common.registry.definitions().map((definition) => [definition.name, definition]));
    for (const [name, { generation, learner }] of this.running) {
      if (wanted.get(name)?.generation !== generation) this.end(name, learner);
    }
    for (const definition of wanted.values()) this.begin(definition);
  }

  private begin(definition: HeadDefinition): void {
    const { name, generation } = definition;
    if (this.running.has(name) || this.ending.has(name)) return;
    this.running.set(name, { generation, learner: new HeadLearner({ ...this.common, definition }) });
  }

  private end(name: string, learner: HeadLearner): void {
    this.running.delete(name);
    const ended = learner.stop(false).finally(() => {
      this.ending.delete(name);
      this.follow();
    });
    this.ending.set(name, ended);
  }
}
