import { Child } from '../measure/child.js';
import type { LearningMessage, LearningReport, LearningSetting } from './learning-process.js';
import type { Mark } from './marks.js';

/** A learning process, as the benchmark sees it. */
export class LearningChild {
  readonly #child = new Child<LearningMessage>(new URL('./learning-process.js', import.meta.url));
  #closed = false;

  /** @returns once NATS runs and the heads are there */
  static async start(setting: LearningSetting): Promise<LearningChild> {
    const child = new LearningChild();
    try {
      await child.#child.ask({ start: setting });
      return child;
    } catch (error) {
      await child.#child.stop();
      throw error;
    }
  }

  async taught(): Promise<void> {
    await this.#child.ask({ taught: true });
  }

  /** @returns what was marked since the last call, once so many samples are folded since the start, over all heads */
  async trained(samples: number): Promise<Mark[]> {
    return (await this.#child.ask<{ marks: Mark[] }>({ trained: samples })).marks;
  }

  report(): Promise<LearningReport> {
    return this.#child.ask<LearningReport>({ report: true });
  }

  /** Ends the process and its nats-server, in good order if it still can. May be called twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#child.ask({ close: true }).catch(() => {});
    await this.#child.stop();
  }
}
