import protobuf from 'protobufjs';

/** Fields and 64-bit integers that any file may hold; more only in proportion to its size. */
const fewest = 2 ** 19;
const bytesPerField = 16;

/**
 * A reader that gives up on files that hold little but structure: an empty message takes two bytes in the file and hundreds in memory,
 * and a 64-bit integer one byte and forty. What is decoded then stays within some ten times the file's size.
 */
export class BoundedReader extends protobuf.Reader {
  #left: number;

  /** A plain array, since protobufjs' reader for Node's Buffers accepts strings that are cut off. */
  constructor(bytes: Uint8Array) {
    super(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    this.#left = fewest + bytes.length / bytesPerField;
  }

  /** Tags and lengths. */
  override uint32(): number {
    this.#count();
    return super.uint32();
  }

  override int64(): ReturnType<protobuf.Reader['int64']> {
    this.#count();
    return super.int64();
  }

  #count(): void {
    this.#left -= 1;
    if (this.#left < 0) throw new Error('too many fields for a file of its size');
  }
}
