// Encoded photos to RGB bytes of the size that a backbone takes, off the event loop and out of this process.
import type { Priority } from '../batching/admission.js';
import { type CropSettings, decodeFailure, decodeImage } from './decode-image.js';
import { DecodeLine } from './decode-line.js';
import { type DecodeOptions, DecodeRequest, undecodable } from './decode-request.js';
import { DecoderPool } from './decoder-pool.js';
import { type DecodeLimits, refusedByHeader, withDefaults } from './limits.js';

export type { CropSettings } from './decode-image.js';
export type { DecodeOptions } from './decode-request.js';
export type { DecodeLimits } from './limits.js';

export interface DecodeImages {
  /** Resolves with RGB bytes [count, size, size, 3] that own their memory. @throws StatusError undecodable_image, cancelled, deadline_exceeded. */
  (images: readonly Uint8Array[], crop: CropSettings, options?: DecodeOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Milliseconds until so many images of a client would be decoded, if they came now; 0: at once, or nothing is known. */
  readonly expectedMs?: (client: string, priority: Priority, count: number) => number;
}

/** `close` ends the decoder processes; images still waiting fail with the code closed. */
export type ImageDecoder = DecodeImages &
  Required<Pick<DecodeImages, 'expectedMs'>> & { readonly close: () => Promise<void> };

/** Takes what waits in the line. */
interface Decoders {
  /** There may be something to take. */
  feed(): void;
  close(): Promise<void>;
}

/**
 * A decoder whose limits hold over all requests together. Its processes start at once, and end with this process, closed or not.
 *
 * @param log gets one line when a decoder process ended before its time
 */
export function createDecoder(settings: DecodeLimits, log: (line: string) => void = () => {}): ImageDecoder {
  const limits = withDefaults(settings);
  const line = new DecodeLine(limits.learningShare);
  const decoders: Decoders =
    limits.isolation === 'process' ? new DecoderPool(line, limits, log) : decodersHere(line, limits);

  const decode = async (images: readonly Uint8Array[], crop: CropSettings, options?: DecodeOptions) => {
    // All are looked at first: what can be refused without decoding is refused at once.
    images.forEach((image, index) => {
      const why = refusedByHeader(image, limits);
      if (why !== undefined) throw undecodable(index, images.length, why);
    });
    const request = new DecodeRequest(images, crop, options);
    line.add(request);
    decoders.feed();
    return request.answer;
  };
  return Object.assign(decode, {
    expectedMs: (client: string, priority: Priority, count: number) =>
      line.expectedMs(client, priority, count, limits.decoders),
    close: async () => {
      await decoders.close();
      line.close();
    },
  });
}

/** `images.isolation: none`: in this process, on libuv's threads. */
function decodersHere(line: DecodeLine, { decoders, maxPixels, timeout }: Required<DecodeLimits>): Decoders {
  let busy = 0;
  const work = async () => {
    busy++;
    for (let task = line.next(); task !== undefined; task = line.next()) {
      try {
        task.begin();
        task.target.set(await decodeImage(task.image, task.crop, { maxPixels, timeout }));
        task.done();
      } catch (error) {
        task.fail(decodeFailure(error, maxPixels, timeout), error);
      }
    }
    busy--;
  };
  return {
    feed() {
      // Each that starts takes what waits; one that finds nothing ends at once.
      for (let index = busy; index < decoders; index++) void work();
    },
    close: () => Promise.resolve(),
  };
}
