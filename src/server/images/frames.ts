// The bytes between the server and a decoder process: both ways a header of little-endian 32-bit numbers, then a payload.
//
//   to the process    image length, size, resize          then the encoded image
//   back              status, payload length              then RGB bytes [size, size, 3], or why it failed (UTF-8)

export const REQUEST_HEADER = 12;
export const RESPONSE_HEADER = 8;
/** Where both ends find the socket: standard output stays free for libraries that print. */
export const SOCKET_FD = 3;
/** Bytes of a reason; one that is longer is cut. */
export const MAX_REASON = 2000;

/** `ready`: the first frame of a process, with an empty payload. */
export const STATUS = { ready: 0, decoded: 1, failed: 2 } as const;

export function header(...values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value, index * 4);
  });
  return bytes;
}
