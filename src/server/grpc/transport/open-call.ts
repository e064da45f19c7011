// One call as the transport sees it: what it holds in memory, and since when it waits for its client.
import { constants } from 'node:http2';
import { status as Status } from '@grpc/grpc-js';
import { StatusError, toServiceError } from '../../errors.js';
import { AnswerProgress } from './answer-progress.js';
import { decodedSize, MAX_PARTS, type MessageShape } from './decoded-size.js';
import type { BaseCall } from './grpc-js.js';
import { inflate } from './inflate.js';
import type { Holder, MemoryBudget } from './memory-budget.js';
import { MessageFrames } from './message-frames.js';
import { Progress } from './progress.js';

/** HTTP/2's window of one stream: what a client may send before anybody has read any of it. */
export const STREAM_WINDOW_BYTES = 256 * 1024;
/** A single request is read as it comes, and counted then: this is for the call itself. */
const UNARY_BYTES = 64 * 1024;
/** Part of the memory of requests that one stream may take before it is read on. */
const LARGEST_STREAM_SHARE = 1 / 8;
/** Well-behaved clients end their side themselves when they have got the status. */
const RESET_AFTER_MS = 1000;
/** What a message may become once decoded, in messages of the largest size: floats in typed contents take six times their bytes. */
const DECODED_FACTOR = 6;
/** Messages that grpc-js may have handed to a handler before the handler has read them (a stream in object mode). */
const UNREAD_MESSAGES = 17;
/** A request of which nothing has come for so long gives way to others of its client. */
const IDLE_MS = 1000;
/** Of messages to gRPC's own services (health, reflection), which hold a name: they may come without credentials. */
const OWN_SERVICES_MAX_BYTES = 4096;

export interface CallMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
}

export interface CallSettings {
  /** Memory of requests. */
  readonly receive: MemoryBudget;
  /** Memory of answers. */
  readonly send: MemoryBudget;
  readonly maxMessageBytes: number;
  readonly maxMetadataBytes: number;
  /** Of the requests, by the paths of their methods. */
  readonly shapes: ReadonlyMap<string, MessageShape>;
  /** Told of calls that were ended here: no handler counts them. */
  readonly onRefused: (path: string, error: StatusError) => void;
  /** Told when something is sent to the client. */
  readonly onSent: (session: object | undefined) => void;
}

/** A message that has arrived and is not answered. Decompressed it has another size. */
interface Arrived {
  bytes: number;
}

export class OpenCall {
  /** Of the message that is arriving; undefined: none is awaited. */
  private arriving: Progress | undefined;
  /** Of the answer that the client is to take; undefined: there is none. */
  private answer: AnswerProgress | undefined;
  private readonly frames = new MessageFrames();
  private readonly unanswered: Arrived[] = [];
  private readonly compressed: Arrived[] = [];
  private readonly receiving: Holder;
  private readonly sending: Holder;
  private unansweredBytes = 0;
  /** Told when a stream that holds much may be read on. */
  private readOn: (() => void) | undefined;
  private halfClosed = false;
  /** grpc-js drops whatever still comes. */
  private deaf = false;
  private ended = false;
  /** Held until the client has sent all, beside what has come. */
  private readonly callBytes: number;
  private readonly ofGrpc: boolean;
  /** A request that is answered as a stream, once its handler has it: its bytes are no longer held. */
  private handedOver = false;

  constructor(
    readonly method: CallMethod,
    client: string,
    private readonly base: BaseCall,
    private readonly settings: CallSettings,
    private readonly onOver: (call: OpenCall) => void,
  ) {
    const call = this;
    this.callBytes = method.requestStream ? STREAM_WINDOW_BYTES : UNARY_BYTES;
    this.ofGrpc = method.path.startsWith('/grpc.');
    const connection = base.stream.session;
    this.receiving = {
      ...{ client, connection },
      get revocable() {
        return call.revocable;
      },
      get idle() {
        return (call.arriving?.idleMs(performance.now()) ?? 0) > IDLE_MS;
      },
      revoke: () => this.giveWay(),
    };
    this.sending = {
      ...{ client, connection },
      get revocable() {
        return call.answer?.bytes ?? 0;
      },
      idle: false,
      revoke: () => this.base.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    };
    if (!method.requestStream) this.arriving = new Progress(performance.now());
    this.follow();
    if (!settings.receive.take(this.receiving, this.callBytes + settings.maxMetadataBytes)) this.giveWay();
  }

  /** Whether nothing was accepted yet: the request has not arrived as a whole. */
  get awaitsRequest(): boolean {
    return !this.method.requestStream && this.unanswered.length === 0;
  }

  /** Ends the call with an error, if it is not over. What has been written is sent before it. */
  end(error: StatusError): void {
    if (!this.ended) this.base.sendStatus(toServiceError(error));
  }

  /** Told whose call it is: until its credentials are looked at that is an address, which many may share. */
  identified(client: string): void {
    this.settings.receive.move(this.receiving, client);
    this.settings.send.move(this.sending, client);
  }

  /**
   * Counts an answer that waits to be compressed.
   * @returns what is called when it no longer does; undefined: there is no memory for it, and the call is over
   */
  holdAnswer(bytes: number): (() => void) | undefined {
    const { send } = this.settings;
    if (send.take(this.sending, bytes)) return () => send.give(this.sending, bytes);
    this.base.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    return undefined;
  }

  /** Ends the call when its client has kept it waiting: too little came, or was taken, in the last `stallMs`. */
  endIfStalled(stallMs: number): void {
    const { stream } = this.base;
    const now = performance.now();
    if (this.answer?.stalled(stallMs, now) === true) {
      stream.close(constants.NGHTTP2_CANCEL);
      return;
    }
    if (this.arriving === undefined || this.ended) return;
    // Not the client's fault while nobody reads.
    if (stream.isPaused() && this.unanswered.length > 0) this.arriving.restart(now);
    else if (this.arriving.stalled(stallMs, now)) {
      const what = `${this.frames.partial} bytes of a message came, and then no more in time`;
      this.refuse(new StatusError('deadline_exceeded', `${what} (server.stallTimeout)`));
    }
  }

  /** What can be taken back of the request. */
  private get revocable(): number {
    const { requestStream } = this.method;
    // Answers that go on for as long as their client wants: it may ask again.
    if (this.handedOver) return this.settings.maxMetadataBytes + (this.halfClosed ? 0 : this.callBytes);
    // No handler is called before the client has said that this was all.
    if (this.halfClosed || (requestStream && this.unanswered.length > 0)) return 0;
    return this.callBytes + this.unansweredBytes + this.frames.partial;
  }

  private follow(): void {
    const { base } = this;
    const { stream } = base;
    // Before grpc-js's own listener, which keeps the chunk. Attached so, it does not make the stream flow.
    stream.prependListener('data', (chunk: Buffer) => this.received(chunk));
    stream.once('end', () => {
      this.halfClosed = true;
      this.arriving = undefined;
      this.settings.receive.give(this.receiving, this.callBytes);
    });
    stream.once('close', () => {
      this.ended = true;
      this.settings.receive.close(this.receiving);
      this.settings.send.close(this.sending);
      this.onOver(this);
    });
    if (this.method.requestStream && this.method.responseStream) {
      const startRead = base.startRead.bind(base);
      base.startRead = () => {
        if (this.holdsMuch) this.readOn = startRead;
        else startRead();
      };
    }
    base.decompressMessage = (message, encoding) => this.decompress(message, encoding);
    const sendMessage = base.sendMessage.bind(base);
    base.sendMessage = (message, callback) => {
      const before = stream.writableLength;
      let bytes = 0;
      sendMessage(message, () => {
        this.sent(bytes);
        callback();
      });
      bytes = stream.writableLength - before;
      this.written(bytes);
    };
    const sendStatus = base.sendStatus.bind(base);
    base.sendStatus = (status) => {
      this.ended = true;
      this.settings.onSent(stream.session);
      const trailersOnly = !stream.headersSent;
      this.deaf = trailersOnly;
      // Trailers that follow messages are lost when the reset comes too soon after them (Node 20).
      if (!trailersOnly)
        stream.once('wantTrailers', () => setTimeout(() => this.resetIfOpen(), RESET_AFTER_MS).unref());
      sendStatus(status);
      // A client that goes on sending would fill its window for nothing: reset, once the status has been sent.
      if (trailersOnly) setImmediate(() => this.resetIfOpen());
    };
  }

  private received(chunk: Buffer): void {
    if (this.deaf) return;
    // Even of a call that is over: grpc-js keeps what comes until the status is sent.
    if (!this.settings.receive.take(this.receiving, chunk.length)) {
      this.giveWay();
      return;
    }
    for (const bytes of this.frames.read(chunk)) {
      const message = { bytes };
      this.unanswered.push(message);
      this.unansweredBytes += bytes;
      this.compressed.push(message);
      // Of a stream that is not answered message by message: those that the handler must have read.
      if (this.method.requestStream && !this.method.responseStream && this.unanswered.length > UNREAD_MESSAGES) {
        this.release(this.unanswered.shift());
      }
    }
    if (this.ofGrpc && this.frames.announced > OWN_SERVICES_MAX_BYTES) {
      const message = `a message to this service may have ${OWN_SERVICES_MAX_BYTES} bytes`;
      this.refuse(new StatusError('message_too_large', `${message}, this one has ${this.frames.announced}`));
    }
    if (this.frames.partial === 0 && this.method.requestStream) this.arriving = undefined;
    else {
      const now = performance.now();
      this.arriving ??= new Progress(now);
      this.arriving.add(chunk.length, now);
    }
  }

  /** grpc-js calls it once for each message, in order. */
  private decompress(framed: Buffer, encoding: string): Buffer | Promise<Buffer> {
    const message = this.compressed.shift();
    const body = framed.subarray(5);
    if (encoding === 'identity') return this.decodable(body, message);
    if (encoding !== 'gzip' && encoding !== 'deflate') {
      const details = `Received message compressed with unsupported encoding "${encoding}"`;
      return Promise.reject({ code: Status.UNIMPLEMENTED, details });
    }
    const { receive } = this.settings;
    const maxMessageBytes = this.ofGrpc ? OWN_SERVICES_MAX_BYTES : this.settings.maxMessageBytes;
    const take = (bytes: number) => {
      if (this.ended) return false;
      if (!receive.take(this.receiving, bytes)) {
        this.giveWay();
        return false;
      }
      this.resize(message, bytes);
      return true;
    };
    return inflate(body, encoding, maxMessageBytes, take).then((whole) => {
      receive.give(this.receiving, framed.length);
      this.resize(message, -framed.length);
      return this.decodable(whole, message);
    });
  }

  /** The message, if there is memory for what it becomes. */
  private decodable(body: Buffer, message: Arrived | undefined): Buffer | Promise<Buffer> {
    const { shapes, receive, maxMessageBytes } = this.settings;
    const shape = shapes.get(this.method.path);
    if (shape === undefined) return this.handOver(body);
    const limit = DECODED_FACTOR * maxMessageBytes;
    const size = decodedSize(body, shape, limit);
    if (size === undefined) {
      this.refuse(new StatusError('message_malformed', 'the bytes received are not the message that this call takes'));
    } else if (size > limit) {
      const become = `become more than ${DECODED_FACTOR} x server.maxMessageBytes once decoded, or have more than ${MAX_PARTS} parts (a message counts four)`;
      const message = `the message has ${body.length} bytes that ${become}; send less a request`;
      this.refuse(new StatusError('message_too_large', message));
    } else if (receive.take(this.receiving, size)) {
      this.resize(message, size);
      return this.handOver(body);
    } else this.giveWay();
    // The call has ended: grpc-js drops what this is told.
    return Promise.reject({ code: Status.RESOURCE_EXHAUSTED, details: 'the message was refused' });
  }

  /** To grpc-js, which decodes it at once. */
  private handOver(body: Buffer): Buffer {
    const { requestStream, responseStream } = this.method;
    if (!requestStream && responseStream) {
      setImmediate(() => {
        this.release(this.unanswered.shift());
        this.handedOver = true;
      });
    }
    return body;
  }

  private written(bytes: number): void {
    this.settings.onSent(this.base.stream.session);
    if (bytes <= 0) return;
    this.answer = new AnswerProgress(bytes, this.base.stream);
    if (!this.settings.send.take(this.sending, bytes)) this.base.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  private sent(bytes: number): void {
    this.settings.send.give(this.sending, Math.max(0, bytes));
    this.answer = undefined;
    // Answers are in the order of their requests, one for one.
    if (!this.method.requestStream) return;
    this.release(this.unanswered.shift());
    if (this.holdsMuch) return;
    this.readOn?.();
    this.readOn = undefined;
  }

  private release(message: Arrived | undefined): void {
    if (message === undefined) return;
    this.settings.receive.give(this.receiving, message.bytes);
    this.unansweredBytes -= message.bytes;
  }

  private resize(message: Arrived | undefined, bytes: number): void {
    if (message === undefined) return;
    message.bytes += bytes;
    this.unansweredBytes += bytes;
  }

  /** One stream may not take the memory of all: it is read on when enough of it is answered, and HTTP/2 slows its client meanwhile. */
  private get holdsMuch(): boolean {
    return this.unansweredBytes > this.settings.receive.limit * LARGEST_STREAM_SHARE;
  }

  private refuse(error: StatusError): void {
    if (this.ended) return;
    this.settings.onRefused(this.method.path, error);
    this.end(error);
  }

  /** There is no memory for the call. */
  private giveWay(): void {
    if (this.ended) this.base.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    else this.refuse(noMemory());
  }

  private resetIfOpen(): void {
    const { stream } = this.base;
    if (!stream.destroyed && !this.halfClosed) stream.close(constants.NGHTTP2_NO_ERROR);
  }
}

function noMemory(): StatusError {
  const message = 'requests that are arriving or not answered yet take all of server.receiveMemory; try again later';
  return new StatusError('memory_full', message);
}
