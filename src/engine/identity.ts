import { createHash } from 'node:crypto';
import type { ImageSettings } from './backbone.js';
import type { ModelSource } from './open-model.js';

/**
 * What makes two backbones give the same embeddings for the same photo: sha256 (hex) over the model's bytes (and the weights that it
 * has in other files), the name of the tensor taken as the embedding and the image settings. Which engine runs, and with how many threads, is not part of it.
 */
export function backboneIdentity({ bytes, externalData }: ModelSource, output: string, image: ImageSettings): string {
  // JSON of a list, since the order of an object's keys is whatever the configuration file had.
  const settings = JSON.stringify([
    'headwater backbone 1',
    createHash('sha256').update(bytes).digest('hex'),
    output,
    image.size,
    image.resize,
    image.channels,
    image.scale,
    image.mean,
    image.std,
    // Nothing is added without such files, so that identities stay what they were before these could be read.
    ...(externalData === undefined ? [] : [externalData]),
  ]);
  return createHash('sha256').update(settings).digest('hex');
}
