// Requests on the wire. What is the same in all of them is serialised once: the generator shares the machine with the server.
import { inference } from '../../protos/index.js';
import { makePixels } from './payloads.js';
import type { Traffic } from './traffic.js';

const method = inference.GRPCInferenceService.service.ModelInfer;
const PIXEL_VARIANTS = 4;

/** Different bodies (tensors and their contents) that requests take in turn. */
export function makeBodies(
  { input, images }: Pick<Traffic, 'input' | 'images'>,
  size: number,
  jpegs: readonly Buffer[],
) {
  return input === 'pixels' ? pixelBodies(size, images) : imageBodies(images, jpegs);
}

function pixelBodies(size: number, images: number): Buffer[] {
  return Array.from({ length: PIXEL_VARIANTS }, (_, variant) =>
    method.requestSerialize({
      inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [images, size, size, 3] }],
      outputs: [{ name: 'label' }],
      rawInputContents: [makePixels(size, images, variant + 1)],
    }),
  );
}

function imageBodies(images: number, jpegs: readonly Buffer[]): Buffer[] {
  return jpegs.map((_, first) => {
    const elements = Array.from({ length: images }, (_, index) => jpegs[(first + index) % jpegs.length]!);
    const raw = elements.flatMap((jpeg) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(jpeg.length);
      return [length, jpeg];
    });
    return method.requestSerialize({
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [images] }],
      outputs: [{ name: 'label' }],
      rawInputContents: [Buffer.concat(raw)],
    });
  });
}

/** A whole request: messages of Protocol Buffers merge when they are laid one after the other. */
export function makeRequest(model: string, id: string, body: Buffer): Buffer {
  return Buffer.concat([method.requestSerialize({ modelName: model, id }), body]);
}
