import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A backbone that the benchmarks know, as the configuration has it. */
export interface BenchModel {
  readonly name: string;
  readonly path: string;
  readonly image: {
    readonly size: number;
    readonly resize: number;
    readonly channels: 'rgb';
    readonly scale: number;
    readonly mean: readonly number[];
    readonly std: readonly number[];
  };
}

/** The folder of the package, from the sources as well as from a build. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

function knownModels(): readonly BenchModel[] {
  const half = [0.5, 0.5, 0.5];
  return [
    {
      name: 'mobilenet',
      path: join(packageFolder(), '../shared/models/mobilenetv1_1.0_224.onnx'),
      image: { size: 224, resize: 256, channels: 'rgb', scale: 255, mean: half, std: half },
    },
    {
      name: 'tiny',
      path: join(packageFolder(), 'models/tiny_acdc90.onnx'),
      image: {
        size: 96,
        resize: 110,
        channels: 'rgb',
        scale: 255,
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
      },
    },
  ];
}

/**
 * The model of this name; without a name MobileNetV1 where it is, else the one in the repository.
 *
 * @throws Error when it is not there.
 */
export function findModel(name: string | undefined): BenchModel {
  const models = knownModels();
  const found = models.find((model) => (name === undefined || model.name === name) && existsSync(model.path));
  if (found !== undefined) return found;
  const list = models.map((model) => `${model.name} (${model.path})`).join(', ');
  throw new Error(`no model ${name ?? ''}: there should be ${list}`);
}
