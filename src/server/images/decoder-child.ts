// The server's side of one decoder process: images in, pixels out, and what is left when it ends.
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { tookTooLong } from './decode-image.js';
import type { DecodeTask } from './decode-request.js';
import { header, MAX_REASON, PLACE, RESPONSE_HEADER, SOCKET_FD, STATUS, TASKS_AT_ONCE } from './frames.js';
import { SharedFile } from './shared-file.js';

const ENTRY = fileURLToPath(new URL('./decoder-process.js', import.meta.url));
const SHELL = '/bin/sh';
/** What a decoder process needs of JavaScript memory is little; images are outside of it. */
const NODE_OPTIONS = ['--max-old-space-size=64', '--no-warnings'];
/** The end of what a process said on its standard error. */
const KEPT_STDERR = 500;

export interface ChildSettings {
  readonly maxPixels: number;
  /** Milliseconds an image. */
  readonly timeout: number;
  /** Bytes of the process; 0: no limit. */
  readonly maxMemory: number;
  /** The program; tests put in their own. */
  readonly entry?: string;
}

export interface ChildEnd {
  /** Held by the process when it ended; the first one was being decoded. */
  readonly held: readonly DecodeTask[];
  /** A reason about the first one, when it was ended for its sake. */
  readonly blame: string | undefined;
  /** What became of the process: for the log. */
  readonly how: string;
  /** It had started. */
  readonly started: boolean;
}

export interface ChildEvents {
  /** It has room for an image. */
  readonly onRoom: () => void;
  /** Once, in the end. */
  readonly onEnd: (end: ChildEnd) => void;
}

export class DecoderChild {
  ready = false;
  private readonly process: ChildProcess;
  private readonly socket: Socket | undefined;
  private readonly shared = SharedFile.open(TASKS_AT_ONCE);
  private readonly held: DecodeTask[] = [];
  /** Counts of images sent and answered: their numbers in the shared file. */
  private sent = 0;
  private answered = 0;
  private readonly head = Buffer.alloc(RESPONSE_HEADER);
  private headLength = 0;
  /** Of the answer that is arriving. */
  private status = 0;
  private payload: Uint8Array | undefined;
  private payloadLength = 0;
  private timer: NodeJS.Timeout | undefined;
  private blame: string | undefined;
  private fault: string | undefined;
  private stderr = '';
  private ended = false;
  private closing = false;
  private readonly exited: Promise<void>;

  constructor(
    private readonly settings: ChildSettings,
    private readonly events: ChildEvents,
  ) {
    this.process = start(settings, this.shared);
    this.exited = new Promise((resolve) => {
      const end = (how: string) => {
        resolve();
        this.end(how);
      };
      this.process.once('exit', (code, signal) => end(signal === null ? `exit status ${code}` : `signal ${signal}`));
      this.process.once('error', (error) => end(error.message));
    });
    // Without file descriptors left there is no socket: the error is on its way.
    this.socket = this.process.stdio?.[SOCKET_FD] as Socket | undefined;
    this.socket?.on('data', (chunk: Buffer) => this.receive(chunk));
    // Written to a process that has ended: its exit says so too.
    this.socket?.on('error', () => {});
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString()).slice(-KEPT_STDERR);
    });
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  get count(): number {
    return this.held.length;
  }

  send(task: DecodeTask): void {
    this.held.push(task);
    if (this.held.length === 1) {
      this.hold(true);
      this.watch();
    }
    const { image, crop } = task;
    const isShared = this.shared?.put('image', this.sent++, image) ?? false;
    this.socket?.cork();
    this.socket?.write(header(image.length, crop.size, crop.resize, isShared ? PLACE.shared : PLACE.behind));
    if (!isShared) this.socket?.write(image);
    this.socket?.uncork();
  }

  /** Ends the process kindly; after `graceMs` by force. */
  async close(graceMs: number): Promise<void> {
    if (this.ended) return;
    this.hold(true);
    this.closing = true;
    this.socket?.end();
    const timer = setTimeout(() => this.process.kill('SIGKILL'), graceMs);
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.process.kill('SIGKILL');
  }

  /** The time of the image that is now being decoded. */
  private watch(): void {
    clearTimeout(this.timer);
    const task = this.held[0];
    if (task === undefined) return;
    task.begin();
    this.timer = setTimeout(() => {
      // After a stall of this process the answer may lie in the socket: it is read first.
      setImmediate(() => {
        if (this.held[0] !== task || this.ended) return;
        this.blame = tookTooLong(this.settings.timeout);
        this.kill();
      });
    }, this.settings.timeout);
  }

  private receive(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && this.fault === undefined; ) {
      if (this.payload === undefined) {
        const count = chunk.copy(this.head, this.headLength, at);
        this.headLength += count;
        at += count;
        if (this.headLength < RESPONSE_HEADER) return;
        this.headLength = 0;
        this.begin(this.head.readUInt32LE(0), this.head.readUInt32LE(4));
      } else {
        const count = Math.min(chunk.length - at, this.payload.length - this.payloadLength);
        this.payload.set(chunk.subarray(at, at + count), this.payloadLength);
        this.payloadLength += count;
        at += count;
      }
      if (this.payload !== undefined && this.payloadLength === this.payload.length) this.finish(this.payload);
    }
  }

  /** What a process says is believed as far as it fits: an image may have taken it over. */
  private begin(status: number, length: number): void {
    const target = this.held[0]?.target;
    if (!this.fits(status, length, target)) {
      this.fault = 'it answered what it was not asked';
      this.kill();
      return;
    }
    this.status = status;
    this.payload = status === STATUS.decoded ? target : Buffer.alloc(status === STATUS.failed ? length : 0);
    this.payloadLength = 0;
  }

  private fits(status: number, length: number, target: Uint8Array | undefined): boolean {
    if (status === STATUS.ready) return !this.ready && length === 0;
    if (target === undefined) return false;
    if (status === STATUS.failed) return length <= MAX_REASON;
    if (length !== target.length) return false;
    if (status === STATUS.decoded) return true;
    return status === STATUS.decodedShared && this.shared?.get('answer', this.answered, target) === true;
  }

  private finish(payload: Uint8Array): void {
    this.payload = undefined;
    if (this.status === STATUS.ready) {
      this.ready = true;
      // A server that has nothing else to do may end from here on: the process then sees the end of its socket.
      this.hold(false);
    } else {
      const task = this.held.shift();
      this.answered++;
      if (this.held.length === 0) this.hold(false);
      this.watch();
      if (this.status === STATUS.failed) task?.fail(Buffer.from(payload).toString());
      else task?.done();
    }
    this.events.onRoom();
  }

  private end(how: string): void {
    if (this.ended) return;
    this.ended = true;
    clearTimeout(this.timer);
    this.socket?.destroy();
    this.shared?.close();
    const { held, blame, fault, stderr, ready } = this;
    const said = stderr.trim() === '' ? '' : `: ${stderr.trim()}`;
    this.events.onEnd({ held: [...held], blame, how: `${fault ?? how}${said}`, started: ready });
  }

  /** Whether this process stays alive for it. */
  private hold(busy: boolean): void {
    // Whoever closes it waits for its end: that it is ready at last is no reason to let go.
    if (this.closing) return;
    const how = busy ? 'ref' : 'unref';
    this.process[how]();
    this.socket?.[how]();
    (this.process.stderr as Socket | null)?.[how]();
  }
}

/**
 * An environment with nothing of the server's in it; no core dumps, which would hold strangers' photos; and memory as far as the kernel
 * can limit it (RLIMIT_DATA, which unlike RLIMIT_AS leaves out what V8 only reserves). Not a session of its own, though Ctrl-C then
 * reaches it (it does not listen): Linux would schedule it as a group of its own (autogroup), and each image came four times as late on a
 * busy core.
 */
function start({ maxPixels, timeout, maxMemory, entry = ENTRY }: ChildSettings, shared?: SharedFile): ChildProcess {
  const numbers = [maxPixels, timeout, shared === undefined ? 0 : 1];
  const node = [process.execPath, ...NODE_OPTIONS, entry, ...numbers.map(String)];
  const limits = `ulimit -c 0; ulimit -d ${Math.floor(maxMemory / 1024)}; `;
  const shell = [SHELL, '-c', `{ ${maxMemory > 0 ? limits : ''}:; } 2>/dev/null; exec "$@"`, SHELL, ...node];
  const [command, ...args] = (existsSync(SHELL) ? shell : node) as [string, ...string[]];
  return spawn(command, args, {
    // In the order of their descriptors: SOCKET_FD, SHARED_FD.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe', shared?.fd ?? 'ignore'],
    cwd: '/',
    env: { ...libraryPath(), UV_THREADPOOL_SIZE: '1', MALLOC_ARENA_MAX: '2', VIPS_BLOCK_UNTRUSTED: '1' },
  });
}

/** Without it a Node.js that is built against libraries of its own would not start. */
function libraryPath(): Record<string, string> {
  const path = process.env.LD_LIBRARY_PATH;
  return path === undefined ? {} : { LD_LIBRARY_PATH: path };
}
