import { mostThreads } from '../native/index.js';
import type { BackboneOptions } from './backbone.js';
import { EngineError } from './backbone.js';
import type { GraphIndex } from './onnx/graph.js';
import { fedInputs } from './onnx/graph.js';
import type { OnnxDimension, OnnxValue } from './onnx/model.js';
import { dataTypeName, dataTypes } from './onnx/model.js';
import { pixelTables } from './preprocess.js';
import { listNames, quote } from './text.js';

const largestSize = 8192;
/** Besides scalar. That of one engine, but wrong whatever the engine is. */
const isasOf: Readonly<Record<string, readonly string[]>> = { x64: ['avx512', 'avx2'], arm64: ['neon'] };

/** @throws EngineError settings_invalid naming the key under `backbones[]`. */
export function checkOptions({ name, threads, image, isa }: BackboneOptions): void {
  const refuse = (key: string, value: unknown, expected: string) => {
    throw new EngineError(
      'settings_invalid',
      `backbone ${quote(name)}: ${key} is ${String(value)}; it must be ${expected}`,
    );
  };
  if (!Number.isInteger(threads) || threads < 0 || threads > mostThreads) {
    refuse('threads', threads, `a whole number up to ${mostThreads}, 0 for all cores`);
  }
  const known = isasOf[process.arch] ?? [];
  if (isa !== 'auto' && isa !== 'scalar' && !known.includes(isa)) {
    refuse('engine.isa (or HEADWATER_ISA)', isa, ['auto', ...known, 'scalar'].join(', '));
  }
  if (!Number.isInteger(image.size) || image.size < 1 || image.size > largestSize) {
    refuse('image.size', image.size, `a whole number of pixels from 1 to ${largestSize}`);
  }
  if (!Number.isInteger(image.resize) || image.resize < image.size) {
    refuse('image.resize', image.resize, `a whole number of pixels, at least image.size (${image.size})`);
  }
  if (!Number.isFinite(image.scale) || image.scale === 0) refuse('image.scale', image.scale, 'a number other than 0');
  if (image.mean.length !== 3 || !image.mean.every(Number.isFinite)) refuse('image.mean', image.mean, 'three numbers');
  if (image.std.length !== 3 || !image.std.every((value) => Number.isFinite(value) && value !== 0)) {
    refuse('image.std', image.std, 'three numbers other than 0');
  }
  if (!pixelTables(image).values.every((table) => table.every(Number.isFinite))) {
    refuse('image.scale', image.scale, 'such that (pixel / scale - mean) / std is finite in 32 bits for every pixel');
  }
}

/** The model's one input, as far as running it needs to know. */
export interface ModelInput {
  readonly name: string;
  /** Images that one run takes; undefined: any number. */
  readonly batch: number | undefined;
}

/**
 * The input of a model that takes images: one float32 tensor [N, 3, size, size].
 *
 * @throws EngineError model_unsupported for other kinds of input; settings_invalid when the model's size is not `image.size`.
 */
export function checkInput(index: GraphIndex, size: number, file: string): ModelInput {
  const unsupported = (what: string) =>
    new EngineError(
      'model_unsupported',
      `${file}: ${what}; Headwater runs models with one float32 input [N, 3, height, width]`,
    );

  const inputs = fedInputs(index);
  const input = inputs[0];
  if (input === undefined || inputs.length !== 1) {
    throw unsupported(`the model has ${inputs.length} inputs: ${listNames(inputs.map(({ name }) => name))}`);
  }
  const shown = `its input ${quote(input.name)}`;
  if (input.dataType !== dataTypes.float)
    throw unsupported(`${shown} is of ${dataTypeName(input.dataType)}, not float32`);
  if (input.shape === undefined) return { name: input.name, batch: undefined };
  if (input.shape.length !== 4) throw unsupported(`${shown} has shape ${shapeText(input)}`);

  const [batch, channels, height, width] = input.shape;
  if (isOther(channels, 3)) {
    const hint = width === 3 ? ' (channels last: export it with channels first)' : '';
    throw unsupported(`${shown} has shape ${shapeText(input)}${hint}`);
  }
  if (isOther(height, size) || isOther(width, size)) {
    throw new EngineError(
      'settings_invalid',
      `${file}: the model takes images of ${dimensionText(height)} x ${dimensionText(width)} pixels, but image.size is ${size}; ` +
        'set image.size of this backbone to the size of its model',
    );
  }
  return { name: input.name, batch: typeof batch === 'number' ? batch : undefined };
}

function isOther(dimension: OnnxDimension, expected: number): boolean {
  return typeof dimension === 'number' && dimension !== expected;
}

function shapeText(value: OnnxValue): string {
  return `[${value.shape?.map(dimensionText).join(', ')}]`;
}

function dimensionText(dimension: OnnxDimension): string {
  if (typeof dimension === 'number') return String(dimension);
  return dimension === undefined ? '?' : dimension.slice(0, 20).replace(/\p{Cc}/gu, '?');
}
