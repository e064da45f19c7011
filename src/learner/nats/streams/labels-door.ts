import { isUnavailable, type Log, type NatsLink } from '../connection/connection.js';
import { CLOSED_SUBJECT, LABELS_STREAM, LABELS_SUBJECT } from './streams.js';

const LOOK_EVERY_MS = 1_000;
/** Opened again when so much of the limit is taken. */
const OPEN_AT = 3 / 4;

/**
 * Keeps HEADWATER_LABELS, to which anybody publishes, to its limit: when it is reached, the stream stops taking labels, by giving up its subject, so that
 * publishers are told at once that nobody takes them. That is the only way to refuse labels in nats-server 2.9.10 which never drops one that it has
 * acknowledged: see docs/decisions/0011-full-streams.md. Several processes may do this at once.
 */
export class LabelsDoor {
  private readonly timer: NodeJS.Timeout;
  private looking: Promise<void> | undefined;

  constructor(
    private readonly link: NatsLink,
    private readonly limitBytes: number,
    private readonly log: Log,
  ) {
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.timer.unref();
    this.look();
  }

  /** A door that is closed stays so until the next process looks: what is in the stream is still too much. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.looking;
  }

  private look(): void {
    if (!this.link.connected) return;
    this.looking ??= this.move()
      .catch((error: Error) => {
        if (this.link.connected && !isUnavailable(error)) this.log('warn', `stream ${LABELS_STREAM}: ${error.message}`);
      })
      .finally(() => {
        this.looking = undefined;
      });
  }

  private async move(): Promise<void> {
    const manager = await this.link.manager();
    const { config, state } = await manager.streams.info(LABELS_STREAM);
    const isOpen = config.subjects.includes(LABELS_SUBJECT);
    if (isOpen && state.bytes >= this.limitBytes) {
      await manager.streams.update(LABELS_STREAM, { subjects: [CLOSED_SUBJECT] });
      const why = `holds ${state.messages} labels of ${state.bytes} bytes, and nats.streams.labels is ${this.limitBytes}`;
      this.log('warn', `stream ${LABELS_STREAM} ${why}: new ones are refused until some of them are joined`);
    } else if (!isOpen && state.bytes <= OPEN_AT * this.limitBytes) {
      await manager.streams.update(LABELS_STREAM, { subjects: [LABELS_SUBJECT] });
      this.log('info', `stream ${LABELS_STREAM} has room again: new labels are taken`);
    }
  }
}

/** Whether labels are refused because the stream is full. @throws when NATS does not answer. */
export async function isDoorClosed(link: NatsLink): Promise<boolean> {
  const { config } = await (await link.manager()).streams.info(LABELS_STREAM);
  return config.subjects.includes(CLOSED_SUBJECT);
}
