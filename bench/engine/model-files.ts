import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measureRanges } from '../networks/calibrate.js';
import type { BenchNetwork } from '../networks/catalogue.js';
import { networkInputs } from '../networks/inputs.js';
import { quantise } from '../networks/quantise.js';
import type { ModelSpec } from '../onnx/model-spec.js';
import { buildModel } from '../onnx/write-model.js';

/** Images of the largest batch. */
const IMAGES = 16;
const CALIBRATION_IMAGES = 4;

/** Models and inputs in a temporary folder. They are made anew each time (seconds), so that none can be stale. */
export class ModelFiles {
  readonly #folder = mkdtempSync(join(tmpdir(), 'headwater-bench-'));

  writeModel(name: string, spec: ModelSpec): string {
    return this.#write(`${name}.onnx`, buildModel(spec));
  }

  /** A file of 16 normalised images for EngineSetting.input. */
  async writeInputs(network: BenchNetwork): Promise<string> {
    return this.#writeFloats(network, await inputsOf(network));
  }

  /** The dense network in INT8, and in FP32 to compare its output with. */
  async writeInt8(network: BenchNetwork): Promise<{ readonly int8: string; readonly fp32: string }> {
    const dense = network.makeDense();
    const inputs = await inputsOf(network);
    const length = inputs.length / IMAGES;
    const images = Array.from({ length: CALIBRATION_IMAGES }, (_, index) =>
      inputs.slice(index * length, (index + 1) * length),
    );
    const int8 = quantise(dense, await measureRanges(dense, images));
    return {
      int8: this.writeModel(`${network.name}-int8`, int8),
      fp32: this.writeModel(`${network.name}-dense`, dense),
    };
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #writeFloats({ name }: BenchNetwork, values: Float32Array): string {
    return this.#write(`${name}.f32`, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  #write(name: string, bytes: Uint8Array): string {
    const file = join(this.#folder, name);
    writeFileSync(file, bytes);
    return file;
  }
}

function inputsOf({ size, photos }: BenchNetwork): Promise<Float32Array> {
  return networkInputs(IMAGES, size, photos);
}
