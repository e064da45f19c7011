// The networks that turn images into embeddings, and how requests are put together in front of them.
import { z } from 'zod';
import { choice, duration, integer, name, real, text } from '../fields.js';

const batchSize = () => integer(1, 1024).describe('images that go through a backbone together, at most');
const batchWait = () =>
  duration('0ms', '1s').describe('how long an idle backbone waits for a batch to fill; 0ms: it starts at once');

export const batch = z.strictObject({
  size: batchSize().default(16),
  wait: batchWait().prefault('0ms'),
  // With more than half, inference would come last, and with all of it never.
  learningShare: real(0, 0.5)
    .default(0.1)
    .describe('part of the engine, and of the queue, that labelled images get when requests leave them less; 0: none'),
});

export const engine = z.strictObject({
  isa: choice(['auto', 'avx512', 'avx2', 'neon', 'scalar'])
    .default('auto')
    .describe('instruction set of the sparse engine; HEADWATER_ISA too'),
});

const image = z
  .strictObject({
    size: integer(1, 4096).default(224).describe('height and width of the network input, in pixels'),
    resize: integer(1, 8192)
      .optional()
      .describe('length of the shorter side before the centre crop; default: size x 256 / 224'),
    channels: choice(['rgb', 'bgr']).default('rgb').describe('order of the channels'),
    scale: real(0, 65535, true).default(255).describe('pixel values are divided by this, then normalised'),
    mean: triple(real(-1000, 1000), 'mean').default([0.5, 0.5, 0.5]).describe('subtracted, one a channel'),
    std: triple(real(0, 1000, true), 'std')
      .default([0.5, 0.5, 0.5])
      .describe('divided by, one a channel'),
  })
  .transform((value) => ({ ...value, resize: value.resize ?? Math.round((value.size * 256) / 224) }))
  .refine((value) => value.resize >= value.size, {
    path: ['resize'],
    error: 'expected a number that is not below image.size: the crop would be larger than the photo',
  });

function triple(item: z.ZodNumber, what: string) {
  const error = `expected three numbers, one a channel, such as ${what}: [0.5, 0.5, 0.5]`;
  return z.tuple([item, item, item], { error });
}

export const backbone = z.strictObject({
  name: name('a backbone name').describe('also a model name: requests can ask for its embeddings'),
  model: text('the path of an ONNX file').describe("ONNX file; relative to the configuration file's folder"),
  engine: choice(['auto', 'sparse', 'onnxruntime'])
    .default('auto')
    .describe('what runs it; auto: the faster one, timed at start'),
  threads: integer(0, 512)
    .default(0)
    .describe("threads that compute; 0: all cores, or as many as the container's CPU quota is worth"),
  output: text('the name of a tensor')
    .optional()
    .describe('tensor taken as the embedding; default: the first output, or what feeds it if that is class logits'),
  image: image.prefault({}).describe('how a photo becomes the input'),
  batch: z
    .strictObject({ size: batchSize().optional(), wait: batchWait().optional() })
    .prefault({})
    .describe('overrides `batch` for this backbone'),
});
