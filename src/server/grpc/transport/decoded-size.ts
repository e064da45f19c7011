// What a message takes once it is objects: two bytes on the wire can be an object of hundreds, and 64 MiB of them the end of the process.
// Counted on the bytes, before anything is decoded.

/** A descriptor, as far as it is needed (google.protobuf.DescriptorProto). */
export interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly {
    readonly number: number;
    readonly type: string;
    readonly typeName: string;
    readonly label: string;
  }[];
  readonly nestedType?: readonly MessageDescriptor[];
}

type FieldKind =
  | { readonly kind: 'message'; readonly shape: MessageShape | undefined }
  /** Strings and bytes. */
  | { readonly kind: 'text' }
  /** Numbers; `width` bytes each at least when packed, which only `repeated` ones may be. */
  | { readonly kind: 'number'; readonly type: NumberType; readonly repeated: boolean };

interface NumberType {
  readonly wireType: number;
  readonly width: number;
  /** What one takes once decoded. */
  readonly bytes: number;
}

/** The fields of a message by their numbers. */
export type MessageShape = Map<number, FieldKind>;

/** Measured, and rounded up: objects of protobufjs, and the plain ones that proto-loader makes of them. Empty ones take no less. */
const MESSAGE_BYTES = 400;
const TEXT_BYTES = 220;
const NUMBER_BYTES = 24;
/** protobufjs makes an object of each 64-bit integer first. */
const LONG_BYTES = 72;
/** Texts in one message, or a quarter as many messages: each costs the event loop time, whatever memory there is for them. */
export const MAX_PARTS = 200_000;
const PARTS_OF_MESSAGE = 4;
/** Deeper than any message of ours. */
const MAX_DEPTH = 10;
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;
const INT32: NumberType = { wireType: VARINT, width: 1, bytes: NUMBER_BYTES };
const INT64: NumberType = { wireType: VARINT, width: 1, bytes: LONG_BYTES };
const WIDE: NumberType = { wireType: FIXED64, width: 8, bytes: LONG_BYTES };
const NARROW: NumberType = { wireType: FIXED32, width: 4, bytes: NUMBER_BYTES };
const NUMBER_TYPES: Readonly<Record<string, NumberType>> = {
  ...{ TYPE_INT64: INT64, TYPE_UINT64: INT64, TYPE_SINT64: INT64 },
  ...{ TYPE_FIXED32: NARROW, TYPE_SFIXED32: NARROW, TYPE_FLOAT: NARROW },
  ...{ TYPE_FIXED64: WIDE, TYPE_SFIXED64: WIDE, TYPE_DOUBLE: { ...WIDE, bytes: NUMBER_BYTES } },
};

/**
 * The shape of a message.
 * @param messages descriptors of all messages that are not nested, by their full names
 * @param name the full name of one of them, such as `inference.ModelInferRequest`
 */
export function messageShape(messages: ReadonlyMap<string, MessageDescriptor>, name: string): MessageShape | undefined {
  const known = new Map<MessageDescriptor, MessageShape>();
  const packageName = name.slice(0, name.lastIndexOf('.'));
  const shapeOf = (message: MessageDescriptor, around: readonly MessageDescriptor[]): MessageShape => {
    const before = known.get(message);
    if (before !== undefined) return before;
    const shape: MessageShape = new Map();
    known.set(message, shape);
    const scopes = [message, ...around];
    for (const { number, type, typeName, label } of message.field) {
      if (type === 'TYPE_MESSAGE') {
        const short = typeName.replace(/^\./, '');
        const nested = scopes.map((scope) => nestedOf(scope, short)).find((entry) => entry !== undefined);
        const found = nested ?? messages.get(short) ?? messages.get(`${packageName}.${short}`);
        shape.set(number, { kind: 'message', shape: found && shapeOf(found, nested ? scopes : []) });
      } else if (type === 'TYPE_STRING' || type === 'TYPE_BYTES') shape.set(number, { kind: 'text' });
      else {
        const repeated = label === 'LABEL_REPEATED';
        shape.set(number, { kind: 'number', type: NUMBER_TYPES[type] ?? INT32, repeated });
      }
    }
    return shape;
  };
  const message = messages.get(name);
  return message && shapeOf(message, []);
}

/** A message within another: from outside of it (the entries of a map are that) its name has the other's in front. */
function nestedOf(scope: MessageDescriptor, name: string): MessageDescriptor | undefined {
  const short = name.startsWith(`${scope.name}.`) ? name.slice(scope.name.length + 1) : name;
  return scope.nestedType?.find((entry) => entry.name === short);
}

/**
 * Bytes that the message takes when decoded, beside its own; at least. Stops at `limit`.
 *
 * protobufjs reads more than the format allows: it decodes known fields whatever their wire type, skips groups, cuts varints to 32 bits and
 * strings to what is there. Counting on another reading of the same bytes counts nothing, so what no encoder writes is no message here.
 * @returns undefined when the bytes are no message of this shape; infinite when it has more than MAX_PARTS
 */
export function decodedSize(message: Uint8Array, shape: MessageShape, limit: number): number | undefined {
  const reader = new WireReader(message);
  return reader.scan(message.length, shape, 0, limit) ? reader.size : undefined;
}

class WireReader {
  size = 0;
  private at = 0;
  private parts = 0;

  constructor(private readonly bytes: Uint8Array) {}

  /** Counts the fields up to `end`. @returns whether they are well formed */
  scan(end: number, fields: MessageShape, depth: number, limit: number): boolean {
    if (depth > MAX_DEPTH) return false;
    while (this.at < end && this.size <= limit) {
      const tag = this.varint32(end);
      if (tag < 8) return false;
      const wireType = tag & 7;
      const field = fields.get(tag >>> 3);
      if (wireType === DELIMITED) {
        if (!this.delimited(end, field, depth, limit)) return false;
        continue;
      }
      if (field !== undefined && (field.kind !== 'number' || field.type.wireType !== wireType)) return false;
      this.size += field?.kind === 'number' ? field.type.bytes : NUMBER_BYTES;
      if (wireType === VARINT) {
        const length = this.skipVarint(end);
        // protobufjs takes those of 6 to 9 bytes for ten; negative ones of 32 bits have ten.
        if (length === 0 || (length > 5 && length < 10 && field?.kind === 'number' && field.type === INT32))
          return false;
      } else if (wireType === FIXED64) this.at += 8;
      else if (wireType === FIXED32) this.at += 4;
      else return false;
      if (this.at > end) return false;
    }
    return true;
  }

  private delimited(end: number, field: FieldKind | undefined, depth: number, limit: number): boolean {
    const length = this.varint32(end);
    const inner = this.at + length;
    if (length < 0 || inner > end) return false;
    if (field?.kind !== 'number') this.parts += field?.kind === 'message' ? PARTS_OF_MESSAGE : 1;
    if (this.parts > MAX_PARTS) this.size = Number.POSITIVE_INFINITY;
    if (field?.kind === 'message') {
      this.size += MESSAGE_BYTES;
      if (field.shape === undefined) return false;
      if (!this.scan(inner, field.shape, depth + 1, limit)) return false;
    } else if (field?.kind === 'number') {
      if (!field.repeated) return false;
      this.size += (length / field.type.width) * field.type.bytes;
    } else this.size += TEXT_BYTES;
    this.at = inner;
    return true;
  }

  /** A tag or a length. @returns -1 when it does not end in time, or has more than 32 bits */
  private varint32(end: number): number {
    let value = 0;
    for (let factor = 1; factor <= 2 ** 28 && this.at < end; factor *= 128) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value < 2 ** 32 ? value : -1;
    }
    return -1;
  }

  /** @returns how many bytes it has; 0 when it does not end in time */
  private skipVarint(end: number): number {
    const last = Math.min(end, this.at + 10);
    for (let length = 1; this.at < last; length++) if (this.bytes[this.at++]! < 128) return length;
    return 0;
  }
}
