// Entry of a decoder process: decodes what comes on the socket, one image at a time, until the socket ends. It holds no
// secrets, opens no files and listens nowhere: whatever an image does to libvips ends here.
import { readSync, writeFileSync, writeSync } from 'node:fs';
import { blockOtherLoaders, decodeFailure, decodeImage } from './decode-image.js';
import { header, MAX_REASON, PLACE, REQUEST_HEADER, SHARED_FD, SOCKET_FD, STATUS, TASKS_AT_ONCE } from './frames.js';
import { SharedFile } from './shared-file.js';

/** The server kills what takes too long; this is for a server that is gone. */
const OWN_GRACE_MS = 2000;
const FIRST_BUFFER = 2 ** 20;

const [maxPixels, timeout, sharing] = process.argv.slice(2).map(Number) as [number, number, number];
const shared = sharing === 1 ? new SharedFile(SHARED_FD, TASKS_AT_ONCE) : undefined;
let buffer = Buffer.allocUnsafe(FIRST_BUFFER);

blockOtherLoaders();
preferToBeKilled();
// The server says when to end (by the socket's end): a stop that is meant for a whole service must not take decoders first.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

const head = Buffer.alloc(REQUEST_HEADER);
answer(STATUS.ready, Buffer.alloc(0));
// Reading blocks: between two images there is nothing else to do, and it is the fastest way.
for (let task = 0; read(head, REQUEST_HEADER); task++) {
  const length = head.readUInt32LE(0);
  const crop = { size: head.readUInt32LE(4), resize: head.readUInt32LE(8) };
  if (length > buffer.length) buffer = Buffer.allocUnsafe(length);
  const image = buffer.subarray(0, length);
  const isShared = head.readUInt32LE(12) === PLACE.shared;
  if (!(isShared ? shared?.get('image', task, image) : read(image, length))) break;
  const guard = setTimeout(() => process.kill(process.pid, 'SIGKILL'), timeout + OWN_GRACE_MS);
  try {
    const rgb = await decodeImage(image, crop, { maxPixels, timeout });
    if (shared?.put('answer', task, rgb)) answer(STATUS.decodedShared, Buffer.alloc(0), rgb.length);
    else answer(STATUS.decoded, rgb);
  } catch (error) {
    answer(STATUS.failed, Buffer.from(decodeFailure(error, maxPixels, timeout)).subarray(0, MAX_REASON));
  }
  clearTimeout(guard);
  if (buffer.length > FIRST_BUFFER) buffer = Buffer.allocUnsafe(FIRST_BUFFER);
}
process.exit(0);

/** Whether all `length` bytes came; false at the end of the socket. */
function read(into: Buffer, length: number): boolean {
  for (let at = 0; at < length; ) {
    let count = 0;
    try {
      count = readSync(SOCKET_FD, into, at, length - at, null);
    } catch {
      return false;
    }
    if (count === 0) return false;
    at += count;
  }
  return true;
}

function answer(status: number, payload: Buffer, length = payload.length): void {
  try {
    write(header(status, length));
    write(payload);
  } catch {
    // The server is gone.
    process.exit(0);
  }
}

function write(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(SOCKET_FD, bytes, at);
}

/** When memory ends, the kernel takes a decoder and not the server. */
function preferToBeKilled(): void {
  try {
    writeFileSync('/proc/self/oom_score_adj', '900');
  } catch {
    // No Linux, or not allowed.
  }
}
