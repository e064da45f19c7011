// Entry of a decoder process: decodes what comes on the socket, one image at a time, until the socket ends. It holds no
// secrets, opens no files and listens nowhere: whatever an image does to libvips ends here.
import { readSync, writeFileSync, writeSync } from 'node:fs';
import { blockOtherLoaders, decodeFailure, decodeImage } from './decode-image.js';
import { header, MAX_REASON, REQUEST_HEADER, SOCKET_FD, STATUS } from './frames.js';

/** The server kills what takes too long; this is for a server that is gone. */
const OWN_GRACE_MS = 2000;
const FIRST_BUFFER = 2 ** 20;

const [maxPixels, timeout] = process.argv.slice(2).map(Number) as [number, number];
let buffer = Buffer.allocUnsafe(FIRST_BUFFER);

blockOtherLoaders();
preferToBeKilled();
// The server says when to end (by the socket's end): a stop that is meant for a whole service must not take decoders first.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});

const head = Buffer.alloc(REQUEST_HEADER);
answer(STATUS.ready, Buffer.alloc(0));
// Reading blocks: between two images there is nothing else to do, and it is the fastest way.
while (read(head, REQUEST_HEADER)) {
  const length = head.readUInt32LE(0);
  const crop = { size: head.readUInt32LE(4), resize: head.readUInt32LE(8) };
  if (length > buffer.length) buffer = Buffer.allocUnsafe(length);
  if (!read(buffer, length)) break;
  const guard = setTimeout(() => process.kill(process.pid, 'SIGKILL'), timeout + OWN_GRACE_MS);
  try {
    answer(STATUS.decoded, await decodeImage(buffer.subarray(0, length), crop, { maxPixels, timeout }));
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

function answer(status: number, payload: Buffer): void {
  try {
    write(header(status, payload.length));
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
