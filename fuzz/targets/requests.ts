// Requests of both services as bytes: what they are made from, and how they are changed. The first byte is the number of the method.
import { inference, learning } from '../../protos/index.js';
import { PETS, rawFloats, rawStrings, type TestServer } from '../../test/support/test-server.js';
import { mutateMessage } from '../mutate/protobuf.js';
import type { FuzzTarget } from '../target.js';

/** Bytes of nearly every message. */
const LARGEST = 32_768;
/** Heads that fuzzing made are forgotten beyond these. */
const MAX_HEADS = 50;
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAQAAAAECAIAAAAmkwkpAAAAEElEQVR4nGP4z8AARwzEcQCukw/x0F8jngAAAABJRU5ErkJggg==',
  'base64',
);

export const METHODS = [
  ...Object.values(inference.GRPCInferenceService.service),
  ...Object.values(learning.LearningService.service),
] as const;
export type Method = (typeof METHODS)[number];

const INFER = { modelName: 'pets', id: 'a' };
const REQUESTS: Readonly<Record<string, readonly object[]>> = {
  ModelInfer: [
    {
      ...INFER,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
      rawInputContents: [rawFloats(1, 2, 3)],
    },
    {
      ...INFER,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [2, 3], contents: { fp32Contents: [1, 2, 3, 4, 5, 6] } }],
      outputs: [{ name: 'label' }, { name: 'probabilities', parameters: { classification: { int64Param: 2 } } }],
    },
    {
      ...INFER,
      inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }],
      rawInputContents: [Buffer.alloc(48, 9)],
    },
    {
      ...INFER,
      modelVersion: '1',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }],
      rawInputContents: [rawStrings(PNG)],
    },
    {
      modelName: 'tiny',
      parameters: { heads: { stringParam: 'pets' } },
      inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 3, 4, 4] }],
      rawInputContents: [Buffer.alloc(192)],
    },
    {
      ...INFER,
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [2, 1], contents: { bytesContents: [PNG, PNG] } }],
      outputs: [{ name: 'embedding' }],
    },
  ],
  ModelStreamInfer: [
    {
      ...INFER,
      inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }],
      rawInputContents: [rawFloats(1, 2, 3)],
    },
  ],
  ModelMetadata: [{ name: 'pets', version: '1' }],
  ModelReady: [{ name: 'pets' }],
  ModelConfig: [{ name: 'pets' }],
  ModelStatistics: [{ name: 'pets' }, {}],
  RepositoryModelLoad: [
    { repositoryName: '', modelName: 'nobody', parameters: { model: { stringParam: 'other.onnx' } } },
  ],
  RepositoryModelUnload: [{ modelName: 'nobody' }],
  Feedback: [
    {
      head: 'pets',
      labels: [
        { id: 'a', label: 'cat' },
        { id: 'b', label: 'dog' },
      ],
    },
  ],
  StreamFeedback: [{ head: 'pets', labels: [{ id: 'a', label: 'cat' }] }],
  CreateHead: [{ name: 'fish', backbone: 'tiny', classes: ['eel', 'cod'], maxClasses: 5 }],
  DeleteHead: [{ name: 'fish', expectedVersion: 0 }],
  GetHead: [{ name: 'pets' }],
  RollbackHead: [{ name: 'pets', version: 1 }],
  WatchHead: [{ name: 'pets' }],
  PromoteHead: [{ name: 'pets', candidate: 'sgd' }],
  SetLearners: [{ name: 'pets', learners: ['sgd'] }],
  DeleteClass: [{ name: 'pets', className: 'cat' }],
  RenameClass: [{ name: 'pets', from: 'cat', to: 'lion' }],
  ExportHead: [{ name: 'pets' }],
  ImportHead: [{ head: { name: 'new', backbone: 'tiny' }, totalBytes: 100, chunk: Buffer.alloc(100) }],
};

export function nameOf({ path }: Method): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function methodOf(input: Uint8Array): Method {
  return METHODS[input[0]! % METHODS.length]!;
}

export const requests: Pick<FuzzTarget, 'seeds' | 'mutate'> = {
  async seeds() {
    return METHODS.flatMap((method, index) =>
      (REQUESTS[nameOf(method)] ?? [{}]).map((request) =>
        Buffer.concat([Buffer.from([index]), (method.requestSerialize as (value: unknown) => Buffer)(request)]),
      ),
    );
  },
  mutate(random, seeds) {
    // Inference has most that can go wrong.
    const infer = METHODS.findIndex((method) => nameOf(method) === 'ModelInfer');
    const wanted = random.chance(0.5) ? seeds.filter(([index]) => index === infer) : seeds;
    const seed = random.pick(wanted);
    const bytes = mutateMessage(
      random,
      seed.subarray(1),
      seeds.map((other) => other.subarray(1)),
    );
    // Some may be large; all of them would only wait for each other.
    const most = random.chance(0.002) ? bytes.length : LARGEST;
    return Buffer.concat([Buffer.from([seed[0]!]), bytes.subarray(0, most)]);
  },
};

/** One head that is there and taught, and not too many others: an input finds the same as the one before it. */
export function keepPets({ learning: { heads, recorded, labels } }: TestServer): void {
  if (heads.status('pets') === undefined) {
    heads.add({
      name: 'pets',
      backbone: 'tiny',
      backboneIdentity: 'identity-of-tiny',
      dimensions: 3,
      classes: 'open',
      maxClasses: 10,
    } as never);
  }
  if (heads.status('pets')?.latestVersion === 0) heads.teach('pets', PETS);
  const names = heads.list().map(({ definition }) => definition.name);
  if (names.length > MAX_HEADS) for (const name of names) if (name !== 'pets') heads.forget(name);
  recorded.length = 0;
  labels.length = 0;
}
