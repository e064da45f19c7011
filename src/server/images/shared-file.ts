// Memory that the server and one decoder process share: a file without a name on a file system that is in memory. Through it an
// image and its pixels are copied once each way; through a socket they would come in many small pieces.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';

const FOLDER = '/dev/shm';
/** Of one image and of one answer; what is longer goes through the socket. */
const AREA = 2 ** 20;

/**
 * Two areas for each task that a process holds. Both ends count tasks alike, so a task's number says where it lies; an area is used
 * again once its answer was read.
 */
export class SharedFile {
  constructor(
    readonly fd: number,
    private readonly tasksAtOnce: number,
  ) {}

  /** undefined where there is no such file system. */
  static open(tasksAtOnce: number): SharedFile | undefined {
    const path = `${FOLDER}/headwater-${randomBytes(12).toString('hex')}`;
    try {
      const fd = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
      return new SharedFile(fd, tasksAtOnce);
    } catch {
      return undefined;
    }
  }

  /** Whether the bytes are there now: not when they are too many, or the file system is full. */
  put(kind: 'image' | 'answer', task: number, bytes: Uint8Array): boolean {
    if (bytes.length > AREA) return false;
    try {
      return writeSync(this.fd, bytes, 0, bytes.length, this.place(kind, task)) === bytes.length;
    } catch {
      return false;
    }
  }

  /** Fills `bytes`; false when there are not as many. */
  get(kind: 'image' | 'answer', task: number, bytes: Uint8Array): boolean {
    if (bytes.length > AREA) return false;
    try {
      return readSync(this.fd, bytes, 0, bytes.length, this.place(kind, task)) === bytes.length;
    } catch {
      return false;
    }
  }

  close(): void {
    closeSync(this.fd);
  }

  private place(kind: 'image' | 'answer', task: number): number {
    return ((task % this.tasksAtOnce) * 2 + (kind === 'image' ? 0 : 1)) * AREA;
  }
}
