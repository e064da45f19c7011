import {
  type LabelInput,
  type LabelResult,
  LearnerError,
  type Learning,
  type QueueDepth,
  type ServedItem,
  type ServingHead,
} from '../../src/learner/index.js';
import { FakeHeads } from './fake-heads.js';

/** The learner's side kept in memory: heads are taught by handing them a model, records and labels are only kept. */
export class FakeLearning implements Learning {
  connected = true;
  problem: string | undefined;
  closed = false;
  readonly recorded: { head: ServingHead; items: readonly ServedItem[] }[] = [];
  readonly labels: { head: string; labels: readonly LabelInput[] }[] = [];
  readonly results: Partial<Record<LabelResult, number>> = {};
  /** What recordServed answers. */
  recordedAnswer = true;
  /** Awaited by publishLabels, so that tests can hold labels in flight. */
  hold: Promise<void> = Promise.resolve();
  readonly heads = new FakeHeads(() => this.needNats());

  async recordServed(head: ServingHead, items: readonly ServedItem[]): Promise<boolean> {
    this.recorded.push({ head, items });
    return this.recordedAnswer && this.connected;
  }

  async publishLabels(head: string, labels: readonly LabelInput[]): Promise<number[]> {
    await this.hold;
    this.heads.need(head);
    this.needNats();
    for (const [index, { label }] of labels.entries()) {
      if (label === '') throw new LearnerError('invalid_argument', `labels[${index}].label: expected a class name`);
    }
    this.labels.push({ head, labels });
    return labels.map((_, index) => this.labels.length * 100 + index);
  }

  labelResults(): Readonly<Partial<Record<LabelResult, number>>> {
    return this.results;
  }

  queues(): readonly QueueDepth[] {
    return [{ name: 'served_records', depth: 3, limit: 100 }];
  }

  needNats(): void {
    if (!this.connected) throw new LearnerError('nats_unavailable', 'NATS is away; send it again later');
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
