import { credentials } from '@grpc/grpc-js';
import { learning } from '../../protos/index.js';

const SEND_EVERY_MS = 200;
const CLASSES = 4;

/** Sends the labels of answered requests, some together, to each head its own. */
export class LabelSender {
  private readonly client: InstanceType<typeof learning.LearningService>;
  private waiting = new Map<string, { id: string; label: string }[]>();
  private readonly timer: NodeJS.Timeout;
  private readonly calls = new Set<Promise<void>>();
  private next = 0;

  constructor(
    server: string,
    private readonly counts: { sent: number; failed: number },
  ) {
    this.client = new learning.LearningService(server, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
    });
    this.timer = setInterval(() => this.flush(), SEND_EVERY_MS);
  }

  add(head: string, id: string): void {
    const list = this.waiting.get(head) ?? [];
    list.push({ id, label: `class ${this.next++ % CLASSES}` });
    this.waiting.set(head, list);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.flush();
    await Promise.all(this.calls);
    this.client.close();
  }

  private flush(): void {
    const all = this.waiting;
    this.waiting = new Map();
    for (const [head, labels] of all) {
      const call = new Promise<void>((resolve) => {
        this.client.feedback({ head, labels }, { deadline: Date.now() + 10_000 }, (error) => {
          if (error === null) this.counts.sent += labels.length;
          else this.counts.failed += labels.length;
          resolve();
        });
      });
      this.calls.add(call);
      void call.then(() => this.calls.delete(call));
    }
  }
}
