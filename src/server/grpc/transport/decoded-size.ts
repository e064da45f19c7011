// What a message takes once it is objects: two bytes on the wire can be an object of hundreds, and 64 MiB of them the end of the process.
// Counted on the bytes, before anything is decoded.

/** A descriptor, as far as it is needed (google.protobuf.DescriptorProto). */
export interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly { readonly number: number; readonly type: string; readonly typeName: string }[];
  readonly nestedType?: readonly MessageDescriptor[];
}

type FieldKind =
  | { readonly kind: 'message'; readonly shape: MessageShape | undefined }
  /** Strings and bytes. */
  | { readonly kind: 'text' }
  /** Numbers; `width` bytes each when packed. */
  | { readonly kind: 'number'; readonly width: number };

/** The fields of a message by their numbers. */
export type MessageShape = Map<number, FieldKind>;

/** Taken rather too large: objects of protobufjs, and the plain ones that proto-loader makes of them. */
const MESSAGE_BYTES = 400;
const TEXT_BYTES = 150;
const NUMBER_BYTES = 16;
/** Deeper than any message of ours: what is below counts as its bytes. */
const MAX_DEPTH = 10;
const FIXED_WIDTHS: Readonly<Record<string, number>> = {
  ...{ TYPE_FIXED32: 4, TYPE_SFIXED32: 4, TYPE_FLOAT: 4 },
  ...{ TYPE_FIXED64: 8, TYPE_SFIXED64: 8, TYPE_DOUBLE: 8 },
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
    for (const { number, type, typeName } of message.field) {
      if (type === 'TYPE_MESSAGE') {
        const short = typeName.replace(/^\./, '');
        const nested = scopes.flatMap((scope) => scope.nestedType ?? []).find((entry) => entry.name === short);
        const found = nested ?? messages.get(short) ?? messages.get(`${packageName}.${short}`);
        shape.set(number, { kind: 'message', shape: found && shapeOf(found, nested ? scopes : []) });
      } else if (type === 'TYPE_STRING' || type === 'TYPE_BYTES') shape.set(number, { kind: 'text' });
      else shape.set(number, { kind: 'number', width: FIXED_WIDTHS[type] ?? 1 });
    }
    return shape;
  };
  const message = messages.get(name);
  return message && shapeOf(message, []);
}

/**
 * Bytes that the message takes when decoded, beside its own; at least. Stops at `limit`, and where the bytes are no message: its decoder says
 * so better.
 */
export function decodedSize(message: Uint8Array, shape: MessageShape, limit: number): number {
  let size = 0;
  const scan = (from: number, end: number, fields: MessageShape | undefined, depth: number): void => {
    let at = from;
    const varint = (): number => {
      let value = 0;
      for (let factor = 1; at < end; factor *= 128) {
        const byte = message[at++]!;
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
      return Number.NaN;
    };
    while (at < end && size <= limit) {
      const tag = varint();
      const field = fields?.get(Math.floor(tag / 8));
      const wireType = tag % 8;
      if (wireType === 0) varint();
      else if (wireType === 1) at += 8;
      else if (wireType === 5) at += 4;
      if (wireType !== 2) {
        if (![0, 1, 5].includes(wireType)) return;
        size += NUMBER_BYTES;
        continue;
      }
      const length = varint();
      if (!(at + length <= end)) return;
      if (field?.kind === 'number') size += (length / field.width) * NUMBER_BYTES;
      else size += field?.kind === 'message' ? MESSAGE_BYTES : TEXT_BYTES;
      if (field?.kind === 'message' && depth < MAX_DEPTH) scan(at, at + length, field.shape, depth + 1);
      at += length;
    }
  };
  scan(0, message.length, shape, 0);
  return size;
}
