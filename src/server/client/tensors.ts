import type { ModelInferRequest, ModelInferResponse__Output } from '../../../protos/index.js';

/** An answer to one image, as the client got it. */
export interface Answer {
  readonly id: string;
  /** The most probable class; empty while the head has learned nothing. */
  readonly label: string;
  /** Version of the head that answered. */
  readonly version: string;
  /** Whether a label for this id can join. */
  readonly recorded: boolean;
  /** The best classes first; only when they were asked for. */
  readonly top: readonly ScoredClass[];
}

export interface ScoredClass {
  readonly name: string;
  readonly probability: number;
}

/** A request to classify one encoded image. @param top So many best classes are asked for; 0: only the best one's name. */
export function imageRequest(head: string, id: string, image: Uint8Array, top = 0): ModelInferRequest {
  return {
    modelName: head,
    id,
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
    outputs: [
      { name: 'label' },
      ...(top > 0 ? [{ name: 'probabilities', parameters: { classification: { int64Param: top } } }] : []),
    ],
    rawInputContents: [encodeBytes([image])],
  };
}

/** BYTES elements as raw contents: each preceded by its length, 4 bytes little-endian. */
export function encodeBytes(elements: readonly Uint8Array[]): Buffer {
  const parts = elements.flatMap((element) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(element.length);
    return [length, element];
  });
  return Buffer.concat(parts);
}

/** @throws RangeError when the lengths do not add up. */
export function decodeBytes(raw: Buffer): Buffer[] {
  const elements: Buffer[] = [];
  for (let at = 0; at < raw.length; ) {
    const start = at + 4;
    const end = start <= raw.length ? start + raw.readUInt32LE(at) : Number.POSITIVE_INFINITY;
    if (end > raw.length) throw new RangeError('a BYTES tensor ends in the middle of an element');
    elements.push(raw.subarray(start, end));
    at = end;
  }
  return elements;
}

/** Reads the answer to an `imageRequest`. */
export function readAnswer(response: ModelInferResponse__Output): Answer {
  const label = textOutput(response, 'label')?.[0] ?? '';
  return {
    id: response.id,
    label,
    version: response.modelVersion,
    recorded: response.parameters.recorded?.boolParam === true,
    top: (textOutput(response, 'probabilities') ?? []).map(readScored),
  };
}

/** Elements of a BYTES output, from raw or typed contents; undefined when there is no such output. */
function textOutput(response: ModelInferResponse__Output, name: string): string[] | undefined {
  const index = response.outputs.findIndex((output) => output.name === name);
  const output = response.outputs[index];
  if (output === undefined || output.datatype !== 'BYTES') return undefined;
  const raw = response.rawOutputContents[index];
  const elements = raw === undefined ? (output.contents?.bytesContents ?? []) : decodeBytes(raw);
  return elements.map((element) => Buffer.from(element).toString('utf8'));
}

/** `value:index:name`; the name may hold colons itself. */
function readScored(text: string): ScoredClass {
  const first = text.indexOf(':');
  const second = text.indexOf(':', first + 1);
  return { probability: Number(text.slice(0, first)), name: text.slice(second + 1) };
}
