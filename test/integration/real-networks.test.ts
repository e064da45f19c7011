import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BackboneOptions } from '../../src/engine/backbone.js';
import { prepareModel } from '../../src/engine/prepare.js';
import { createNormaliser } from '../../src/engine/preprocess.js';
import { planModel } from '../../src/engine/sparse/plan-model.js';
import { openLabelledImages } from '../../src/server/data/open.js';
import { createDecoder } from '../../src/server/images/decode.js';
import { relativeError } from '../support/interpret-graph.js';
import { runOnnxRuntime } from '../support/networks/reference.js';
import { nativeOrReason, withExecutor } from '../support/networks/run-sparse.js';
import { mobilenetOptions, repository, sharedModel, squeezenetOptions, tinyOptions } from '../unit/engine/fixtures.js';
import { tolerance } from '../unit/engine/graph/graphs.js';

// Real weights on real photos: pixels in, embeddings out, against ONNX Runtime on the same pixels normalised.

const photos = join(repository, '../shared/data/flower_photos_5x50.tar');
const batch = 3;
const { native, skip } = nativeOrReason();

const models: [string, BackboneOptions][] = [
  ['tiny, 90 % sparse', tinyOptions],
  ['MobileNetV1', mobilenetOptions],
  ['MobileNetV1, 75 % sparse', { ...mobilenetOptions, model: sharedModel('mobilenetv1_pruned75.onnx') }],
  ['MobileNetV1, logits', { ...mobilenetOptions, output: 'logits' }],
  ['SqueezeNet, 66.6 % sparse', squeezenetOptions],
  ['SqueezeNet, logits', { ...squeezenetOptions, output: 'logits' }],
  [
    'ResNet-50 v2, stages 1 to 3',
    {
      ...tinyOptions,
      model: sharedModel('resnet50v2_stage1to3_backbone.onnx'),
      image: { ...tinyOptions.image, size: 224, resize: 256 },
    },
  ],
];

for (const [name, options] of models) {
  const missing = [options.model, photos].find((file) => !existsSync(file));
  const cannot = skip || (missing === undefined ? false : `${missing} is not here`);
  test(name, { skip: cannot }, async (t) => {
    const planned = await planModel(options);
    const pixels = await somePhotos(options);
    const input = new Float32Array(pixels.length);
    createNormaliser(options.image).normalise(pixels, input, batch);
    const { bytes } = await prepareModel(options);
    const { size } = options.image;
    const expected = await runOnnxRuntime(bytes, { dims: [batch, 3, size, size], data: input });

    for (const isa of native!.isas) {
      await t.test(`${isa}: photos give the embeddings that ONNX Runtime gives`, async () => {
        assert.ok(planned.kind === 'planned', JSON.stringify({ ...planned, plan: undefined }));
        await withExecutor(native!, planned.plan, { isa, threads: 1, image: options.image }, async (executor) => {
          const { embeddings } = await executor.run([
            { kind: 'pixels', count: 1, data: pixels.slice(0, pixels.length / batch) },
            { kind: 'input', count: 2, data: input.slice(input.length / batch) },
          ]);
          const error = relativeError({ dims: [], data: embeddings }, expected);
          assert.ok(error <= tolerance, `${error} off`);
        });
      });
    }
  });
}

/** Photos of different classes, decoded as the service does: RGB [batch, size, size, 3]. */
async function somePhotos({ image }: BackboneOptions): Promise<Uint8Array> {
  const { images } = await openLabelledImages(photos);
  const chosen = Array.from({ length: batch }, (_, index) => images[Math.floor((index * images.length) / batch)]!);
  const decode = createDecoder({ maxBytes: 2 ** 24, maxPixels: 2 ** 26, decoders: 1 });
  return decode(await Promise.all(chosen.map((one) => one.read())), image);
}
