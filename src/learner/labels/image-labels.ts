import type { JsMsg } from 'nats';
import type { EmbeddedImage, ImageEmbedder } from '../learning.js';
import { subjects } from '../names.js';
import type { NatsLink } from '../nats/connection/connection.js';
import { EMBED_STREAM } from '../nats/streams/streams.js';
import { retryAfter, type Verdict, WorkQueue } from '../nats/streams/work-queue.js';
import type { HeadDirectory } from './head-directory.js';
import type { SampleWriter } from './sample-writer.js';
import { letterOf, recallLabel } from './waiting-label.js';

const ACK_WAIT_MS = 60_000;
/** The engine is busy, or failed: the image waits this long before the next attempt. */
const BUSY_RETRY_MS = 1_000;

export interface ImageLabelsOptions {
  readonly link: NatsLink;
  readonly heads: HeadDirectory;
  readonly embedder: ImageEmbedder;
  readonly writer: SampleWriter;
  /** Images embedded at the same time: enough to fill a batch. */
  readonly concurrency: number;
  onTrouble(problem: string): void;
}

/** The stream HEADWATER_EMBED of one backbone: image labels that a process with the role `serve` turns into samples. */
export class ImageLabels {
  private readonly queue: WorkQueue;

  constructor(private readonly options: ImageLabelsOptions) {
    const { link, embedder, concurrency } = options;
    this.queue = new WorkQueue(link, {
      stream: EMBED_STREAM,
      consumer: `embed-${embedder.backbone}`,
      filter: subjects.embedOfBackbone(embedder.backbone),
      concurrency,
      limit: { maxBytes: Math.max(16 << 20, 2 * link.maxPayload) },
      ackWaitMs: ACK_WAIT_MS,
      maxAckPending: 1_024,
      handle: (message) => this.handle(message),
      giveUp: (message, problem) => this.giveUp(message, problem),
      onTrouble: options.onTrouble,
    });
  }

  stop(): Promise<void> {
    return this.queue.stop();
  }

  private giveUp(message: JsMsg, problem: string): Promise<Verdict> {
    const { headName, letter } = letterOf(message);
    return this.options.writer.bury(headName, 'invalid', `it can't be handled: ${problem}`, letter);
  }

  private async handle(message: JsMsg): Promise<Verdict> {
    const { heads, writer, embedder } = this.options;
    const { letter, headName, found } = await recallLabel(message, heads);
    if (found?.message.form !== 'image') {
      return writer.bury(headName, 'unknown_head', 'its head was deleted meanwhile', letter);
    }
    let embedded: EmbeddedImage;
    try {
      embedded = await embedder.embed(found.message.image);
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'undecodable_image') return retryAfter(BUSY_RETRY_MS);
      return writer.bury(headName, 'undecodable_image', (error as Error).message, letter);
    }
    return writer.sample(found.label, 'image', embedded.embedding, embedded.backboneIdentity, letter);
  }
}
