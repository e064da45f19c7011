import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** Longest file that is read: certificates and lists of tokens are far below. */
const MAX_BYTES = 4 * 2 ** 20;

export interface WatchedFilesOptions {
  readonly paths: readonly string[];
  readonly intervalMs: number;
  /** Told of contents that differ from those of the last look, in the order of `paths`. */
  readonly onChange: (contents: readonly Buffer[]) => void;
  /** Told once when the files can't be read, until they can. */
  readonly onUnreadable: (error: Error) => void;
}

/**
 * Looks at files again and again, by content: Kubernetes changes a mounted Secret by swapping a symlink above it, of which
 * inotify on the file itself tells nothing, and file systems differ in how finely they count times.
 */
export class WatchedFiles {
  private seen: string | undefined;
  private timer: NodeJS.Timeout | undefined;
  private unreadable = false;
  private stopped = false;

  constructor(private readonly options: WatchedFilesOptions) {}

  /** Reads all files, and looks at them from then on. @throws Error when one can't be read. */
  async start(): Promise<readonly Buffer[]> {
    const contents = await this.readAll();
    this.seen = digestOf(contents);
    this.next();
    return contents;
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private next(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void this.look().finally(() => this.next()), this.options.intervalMs);
    this.timer.unref();
  }

  private async look(): Promise<void> {
    let contents: readonly Buffer[];
    try {
      contents = await this.readAll();
    } catch (error) {
      if (!this.unreadable && !this.stopped) this.options.onUnreadable(error as Error);
      this.unreadable = true;
      return;
    }
    this.unreadable = false;
    const digest = digestOf(contents);
    if (digest === this.seen || this.stopped) return;
    this.seen = digest;
    this.options.onChange(contents);
  }

  private readAll(): Promise<readonly Buffer[]> {
    return Promise.all(this.options.paths.map(readBounded));
  }
}

/** @throws Error that names the file. */
async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path).catch((error) => {
    throw new Error(`${path}: ${reasonOf(error)}`, { cause: error });
  });
  try {
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw new Error(`${path}: ${size} bytes; expected at most ${MAX_BYTES}`);
    return await file.readFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === undefined ? error : new Error(`${path}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'no permission to read it';
  return code === 'EISDIR' ? 'it is a folder' : String(code);
}

function digestOf(contents: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const content of contents) hash.update(`${content.length}:`).update(content);
  return hash.digest('hex');
}
