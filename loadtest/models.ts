// The networks that the load test and bench:serve know.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A backbone as the configuration has it. */
export interface BenchModel {
  readonly name: string;
  readonly path: string;
  /** What runs it on the server's side, when nothing else is asked for. */
  readonly engine: 'onnxruntime' | 'sparse';
  readonly image: {
    readonly size: number;
    readonly resize: number;
    readonly channels: 'rgb';
    readonly scale: number;
    readonly mean: readonly [number, number, number];
    readonly std: readonly [number, number, number];
  };
}

/** The folder of the package, from the sources as well as from a build. */
export function packageFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}

/** The build that this file is in. What is only started as a process is found from here: nothing of it is imported. */
export const buildFolder = fileURLToPath(new URL('..', import.meta.url));

const halves = [0.5, 0.5, 0.5] as const;
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } as const;
const madeIn = () => join(packageFolder(), '.cache/loadtest');

function knownModels(): readonly BenchModel[] {
  const photo = { size: 224, resize: 256, channels: 'rgb', scale: 255 } as const;
  return [
    {
      name: 'mobilenet',
      path: join(packageFolder(), '../shared/models/mobilenetv1_1.0_224.onnx'),
      engine: 'onnxruntime',
      image: { ...photo, mean: halves, std: halves },
    },
    {
      name: 'tiny',
      path: join(packageFolder(), 'models/tiny_acdc90.onnx'),
      engine: 'onnxruntime',
      image: { ...photo, size: 96, resize: 110, ...imageNet },
    },
    {
      name: 'resnet50',
      path: join(madeIn(), 'resnet50.onnx'),
      engine: 'onnxruntime',
      image: { ...photo, ...imageNet },
    },
    {
      name: 'resnet50-90',
      path: join(madeIn(), 'resnet50-90.onnx'),
      engine: 'sparse',
      image: { ...photo, ...imageNet },
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

/** As `findModel`, but the ResNets are made when they are not there yet (seconds, once). @throws Error */
export async function prepareModel(name: string, log: (line: string) => void): Promise<BenchModel> {
  const known = knownModels().find((model) => model.name === name);
  if (known?.path.startsWith(madeIn()) && !existsSync(known.path)) {
    log(`making ${known.path} (ResNet-50 with random weights), once`);
    await writeNetworks(madeIn());
  }
  return findModel(name);
}

/** The benchmarks' own command makes them: they know how. */
function writeNetworks(folder: string): Promise<void> {
  const command = join(buildFolder, 'bench/write-networks.js');
  const child = spawn(process.execPath, [command, folder], { stdio: ['ignore', 'ignore', 'inherit'] });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${command} ended (${code})`))));
  });
}
