import type { HeadDefinition } from '../../types.js';
import type { HeadLeases, LeaseSink } from '../leases/head-leases.js';
import type { LiveHead } from '../registry/head-view.js';
import { HeadLearner, type HeadLearnerOptions } from './head-learner.js';

export type HeadLearnersOptions = Omit<HeadLearnerOptions, 'definition' | 'epoch' | 'leases'> & {
  readonly leases: HeadLeases;
};

interface Running {
  readonly generation: number;
  readonly epoch: number;
  readonly learner: HeadLearner;
}

const TELL_AFTER_MS = 500;
const SHOWN_HEADS = 20;

/** One learner for each head whose lease this process holds: begun when the lease is taken, ended when it goes, or the head. */
export class HeadLearners implements LeaseSink {
  private readonly running = new Map<string, Running>();
  /** Heads whose last learner is still ending: the next begins after it. */
  private readonly ending = new Map<string, Promise<void>>();
  private readonly taken: string[] = [];
  private stopped = false;
  private readonly offChange: () => void;

  constructor(private readonly options: HeadLearnersOptions) {
    this.offChange = options.registry.onChange((head) => this.changed(head));
  }

  live(head: string): LiveHead | undefined {
    return this.running.get(head)?.learner.live;
  }

  /** To be called before the leases are handed over: nothing new begins. */
  leave(): void {
    this.options.learners.stop();
  }

  /** To be called when the leases are handed over: what still runs ends as it is. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.offChange();
    for (const head of [...this.running.keys()]) this.end(head, false);
    await Promise.all(this.ending.values());
    await this.options.pool.terminate();
  }

  /** Begins and ends what the head's lease and definition ask for. */
  follow(head: string): void {
    const definition = this.options.registry.definition(head);
    const epoch = this.options.leases.epoch(head);
    const running = this.running.get(head);
    if (running && (definition?.generation !== running.generation || epoch !== running.epoch)) {
      if (definition && epoch === undefined) this.tellLost(head);
      this.end(head, false);
    }
    if (definition && epoch !== undefined) this.begin(definition, epoch);
  }

  async finish(head: string): Promise<void> {
    this.end(head, this.options.registry.definition(head) !== undefined);
    await this.ending.get(head);
  }

  private changed(head: string | undefined): void {
    if (head === undefined) return;
    this.follow(head);
    const damaged = this.options.registry.view(head)?.damaged?.value;
    const running = this.running.get(head);
    if (damaged && running?.generation === damaged.generation) running.learner.damaged(damaged.version);
  }

  private begin(definition: HeadDefinition, epoch: number): void {
    const { name, generation } = definition;
    if (this.stopped || this.running.has(name) || this.ending.has(name)) return;
    const learner = new HeadLearner({ ...this.options, definition, epoch });
    this.running.set(name, { generation, epoch, learner });
    this.tellTaken(name, epoch);
  }

  private end(head: string, saveLast: boolean): void {
    const running = this.running.get(head);
    if (running === undefined) return;
    this.running.delete(head);
    const ended = running.learner.stop(saveLast).finally(() => {
      this.ending.delete(head);
      this.follow(head);
    });
    this.ending.set(head, ended);
  }

  /** At a start they come by the thousand: one line tells of those of a moment. */
  private tellTaken(head: string, epoch: number): void {
    this.taken.push(head);
    if (this.taken.length > 1) return;
    setTimeout(() => {
      const heads = this.taken.splice(0);
      const text =
        heads.length === 1
          ? `head '${head}': taught here from now on`
          : `${heads.length} heads are taught here from now on`;
      const fields = { event: 'leases_taken', count: heads.length, heads: heads.slice(0, SHOWN_HEADS) };
      this.options.observer.log('info', text, heads.length === 1 ? { ...fields, epoch } : fields);
    }, TELL_AFTER_MS).unref();
  }

  private tellLost(head: string): void {
    const text = `head '${head}': another process teaches it from now on`;
    this.options.observer.log('info', text, { event: 'lease_lost', head });
  }
}
