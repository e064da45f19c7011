// What the server and a decoder process say to each other: frames of little-endian 32-bit numbers, each with a payload behind it
// unless that lies in the shared file (see shared-file.ts).
//
//   to the process    image length, size, resize, place of the image    [encoded image]
//   back              status, payload length                            [RGB bytes [size, size, 3], or why it failed (UTF-8)]

export const REQUEST_HEADER = 16;
export const RESPONSE_HEADER = 8;
/** Where a process finds them: standard output stays free for libraries that print. */
export const SOCKET_FD = 3;
export const SHARED_FD = 4;
/** Decoding and the next one behind it, so that a process never waits for the server's event loop. */
export const TASKS_AT_ONCE = 2;
/** Bytes of a reason; one that is longer is cut. */
export const MAX_REASON = 2000;

export const PLACE = { behind: 0, shared: 1 } as const;

/** `ready`: the first frame of a process, without payload. `decodedShared`: the payload lies in the shared file. */
export const STATUS = { ready: 0, decoded: 1, failed: 2, decodedShared: 3 } as const;

export function header(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 4);
  });
  return bytes;
}
