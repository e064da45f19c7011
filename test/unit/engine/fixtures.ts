import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BackboneOptions } from '../../../src/engine/backbone.js';

/** The repository's folder, wherever the compiled tests lie. */
export const repository = findRepository();
export const tinyModel = join(repository, 'models/tiny_acdc90.onnx');

const imagenet = { scale: 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;

export const tinyOptions: BackboneOptions = {
  name: 'tiny',
  model: tinyModel,
  engine: 'onnxruntime',
  threads: 1,
  image: { size: 96, resize: 110, channels: 'rgb', ...imagenet },
  isa: 'auto',
};

export const mobilenetOptions: BackboneOptions = {
  ...tinyOptions,
  name: 'mobilenet',
  model: sharedModel('mobilenetv1_1.0_224.onnx'),
  image: { size: 224, resize: 256, channels: 'rgb', scale: 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
};

export const squeezenetOptions: BackboneOptions = {
  ...tinyOptions,
  name: 'squeezenet',
  model: sharedModel('squeezenet_deepcompression_pruned.onnx'),
  image: { size: 227, resize: 256, channels: 'bgr', scale: 1, mean: [104, 117, 123], std: [1, 1, 1] },
};

export function sharedModel(file: string): string {
  return join(repository, '../shared/models', file);
}

/** For a test's `skip`: a reason when the file is absent, else false. */
export function unlessPresent(file: string): string | false {
  return existsSync(file) ? false : `${file} is not here`;
}

/** Bytes that differ from image to image; the same for the same seed. */
export function somePixels(count: number, size: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed >>> 0;
  return Uint8Array.from({ length: count * 3 * size * size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

function findRepository(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    if (folder === dirname(folder)) throw new Error('package.json was not found above the tests');
    folder = dirname(folder);
  }
  return folder;
}
