import { applyActivation } from '../../src/engine/graph/activation.js';
import { applyBinary } from '../../src/engine/graph/binary.js';
import type { ActivationFunction } from '../../src/engine/graph/types.js';
import type { Activation, Constants, Grid, Plan, Step, View } from '../../src/native/plan.js';
import { lanes } from '../../src/native/plan.js';

// A plan's steps as plain loops: what plan.ts says of each, to hold plans (and kernels) against. The arena starts as NaN, so that a result that
// depends on what nobody wrote shows.

/** Runs a plan on one image [channels, height, width] of normalised values; returns the embedding. */
export function interpretPlan(plan: Plan, image: Float32Array): Float32Array {
  const run = new PlanRun(plan, image);
  for (const step of plan.steps) run.step(step);
  return run.arena.slice(plan.output.offset, plan.output.offset + plan.output.length);
}

class PlanRun {
  readonly arena: Float32Array;

  constructor(
    readonly plan: Plan,
    readonly image: Float32Array,
  ) {
    this.arena = new Float32Array(plan.arenaVectors * lanes).fill(Number.NaN);
  }

  step(step: Step): void {
    switch (step.kind) {
      case 'input': {
        const { height, width } = this.plan.input;
        const { halo, output, grid } = step;
        for (let c = 0; c < output.channels; c++) {
          for (let row = -halo.top; row < output.rows + halo.bottom; row++) {
            for (let column = -halo.left; column < output.columns + halo.right; column++) {
              for (let lane = 0; lane < lanes; lane++) {
                const [y, x] = pixel(grid, output, row, column, lane);
                const inside = lane < grid.rows * grid.columns && y >= 0 && x >= 0 && y < height && x < width;
                this.set(output, c, row, column, lane, inside ? this.image[(c * height + y) * width + x]! : 0);
              }
            }
          }
        }
        return;
      }
      case 'shuffle':
        this.shuffle(step);
        return;
      case 'sparseConv':
        this.sparseConv(step);
        return;
      case 'denseConv': {
        const weights = this.floats(step.weights);
        const bias = this.floats(step.bias);
        const [height, width] = step.kernel;
        this.convolve(step, (filter, tap) => {
          let sum = bias[filter]!;
          for (let c = 0; c < step.input.channels; c++) {
            for (let i = 0; i < height; i++) {
              for (let j = 0; j < width; j++) {
                const at = ((Math.floor(filter / 4) * step.input.channels + c) * height + i) * width + j;
                sum += weights[at * 4 + (filter % 4)]! * tap(c, i, j);
              }
            }
          }
          return sum;
        });
        return;
      }
      case 'winogradInput': {
        const transform = this.floats(step.transform);
        const { input, phases, groups, points } = step;
        let at = step.output * lanes;
        for (let row = 0; row < input.rows; row++) {
          for (let c = 0; c < input.channels; c++) {
            for (let phase = 0; phase < phases; phase++) {
              for (let point = 0; point < points; point++) {
                for (let group = 0; group < groups; group++) {
                  for (let lane = 0; lane < lanes; lane++) {
                    let sum = 0;
                    for (let i = 0; i < points; i++) {
                      const column = (4 * group + i) * phases + phase;
                      if (column >= input.columns) continue;
                      sum += transform[point * points + i]! * this.get(input, c, row, column, lane);
                    }
                    this.arena[at++] = sum;
                  }
                }
              }
            }
          }
        }
        return;
      }
      case 'winogradConv':
        this.winograd(step);
        return;
      case 'depthwise': {
        const weights = this.floats(step.weights);
        const bias = this.floats(step.bias);
        const [height, width] = step.kernel;
        this.convolve({ ...step, residual: undefined }, (channel, tap) => {
          let sum = bias[channel]!;
          for (let i = 0; i < height; i++) {
            for (let j = 0; j < width; j++) sum += weights[(channel * height + i) * width + j]! * tap(channel, i, j);
          }
          return sum;
        });
        return;
      }
      case 'pool': {
        const scale = step.scale && this.floats(step.scale);
        const [height, width] = step.kernel;
        const window = { ...step, residual: undefined, activation: { kind: 'none' } as const };
        this.convolve(window, (channel, tap, row, column, lane) => {
          let [largest, sum] = [Number.NEGATIVE_INFINITY, 0];
          for (let i = 0; i < height; i++) {
            for (let j = 0; j < width; j++) {
              const value = tap(channel, i, j);
              largest = Math.max(largest, value);
              sum += value;
            }
          }
          return scale === undefined ? largest : sum * scale[(row * step.output.columns + column) * lanes + lane]!;
        });
        return;
      }
      case 'pointwise': {
        const scale = step.scale && this.floats(step.scale);
        const shift = step.shift && this.floats(step.shift);
        this.each(step.output, (c, row, column, lane) =>
          activate(step.activation, this.get(step.input, c, row, column, lane) * (scale?.[c] ?? 1) + (shift?.[c] ?? 0)),
        );
        return;
      }
      case 'binary':
        this.each(step.output, (c, row, column, lane) => {
          const { right } = step;
          const second = typeof right === 'number' ? this.arena[right + c]! : this.get(right, c, row, column, lane);
          return activate(
            step.activation,
            applyBinary(step.operator, this.get(step.left, c, row, column, lane), second),
          );
        });
        return;
      case 'globalAverage': {
        const masks = this.integers(step.masks);
        for (let c = 0; c < step.input.channels; c++) {
          let sum = 0;
          this.each({ ...step.input, channels: 1 }, (_, row, column, lane) => {
            const value = this.get(step.input, c, row, column, lane);
            if ((masks[row * step.input.columns + column]! >> lane) & 1) sum += value;
            return undefined;
          });
          this.arena[step.output + c] = sum / step.pixels;
        }
        return;
      }
      case 'toPlain':
      case 'fromPlain':
        this.convert(step);
        return;
      case 'plainCopy':
        this.strided(step.dims, [step.inputStrides, step.outputStrides], ([from, to]) => {
          this.arena[step.output + to!] = this.arena[step.input + from!]!;
        });
        return;
      case 'plainFill':
        this.arena.fill(step.value, step.output, step.output + step.count);
        return;
      case 'plainPointwise': {
        const scale = step.scale && this.floats(step.scale);
        const shift = step.shift && this.floats(step.shift);
        for (let at = 0; at < step.channels * step.inner; at++) {
          const c = Math.floor(at / step.inner);
          const value = this.arena[step.input + at]! * (scale?.[c] ?? 1) + (shift?.[c] ?? 0);
          this.arena[step.output + at] = activate(step.activation, value);
        }
        return;
      }
      case 'plainBinary': {
        let at = step.output;
        this.strided(step.dims, [step.leftStrides, step.rightStrides], ([left, right]) => {
          const value = applyBinary(step.operator, this.arena[step.left + left!]!, this.arena[step.right + right!]!);
          this.arena[at++] = activate(step.activation, value);
        });
        return;
      }
      case 'softmax':
        this.softmax(step);
        return;
      case 'denseLinear': {
        const [weights, bias] = [this.floats(step.weights), this.floats(step.bias)];
        const input = this.arena.slice(step.input, step.input + step.inputs);
        for (let o = 0; o < step.outputs; o++) {
          let sum = bias[o]!;
          for (let i = 0; i < step.inputs; i++) {
            sum += weights[(Math.floor(o / 16) * step.inputs + i) * 16 + (o % 16)]! * input[i]!;
          }
          this.arena[step.output + o] = activate(step.activation, sum);
        }
        return;
      }
      case 'sparseLinear': {
        const [starts, indices] = [this.integers(step.starts), this.integers(step.indices)];
        const [values, bias] = [this.floats(step.values), this.floats(step.bias)];
        const input = this.arena.slice(step.input, step.input + step.inputs);
        for (let o = 0; o < step.outputs; o++) {
          let sum = bias[o]!;
          for (let at = starts[o]!; at < starts[o + 1]!; at++) sum += values[at]! * input[indices[at]!]!;
          this.arena[step.output + o] = activate(step.activation, sum);
        }
        return;
      }
    }
  }

  shuffle(step: Extract<Step, { kind: 'shuffle' }>): void {
    const [entries, terms] = [this.integers(step.entries), this.integers(step.terms)];
    const permutations = this.integers(step.permutations);
    for (let c = 0; c < step.output.channels; c++) {
      for (let entry = 0; entry < entries.length; entry += 3) {
        const vector = new Float32Array(lanes).fill(step.fill);
        const [destination, first, count] = entries.subarray(entry, entry + 3) as unknown as [number, number, number];
        for (let term = first; term < first + count; term++) {
          const from = (step.input.offset + c * step.input.channelPitch + terms[2 * term]!) * lanes;
          for (let lane = 0; lane < lanes; lane++) {
            const source = permutations[terms[2 * term + 1]! * lanes + lane]!;
            if (source >= 0) vector[lane] = this.arena[from + source]!;
          }
        }
        this.arena.set(vector, (step.output.offset + c * step.output.channelPitch + destination) * lanes);
      }
    }
  }

  winograd(step: Extract<Step, { kind: 'winogradConv' }>): void {
    const [weights, bias, transform] = [this.floats(step.weights), this.floats(step.bias), this.floats(step.transform)];
    const { channels, kernelRows, points, groups } = step;
    this.each(step.output, (filter, row, column, lane) => {
      const group = Math.floor(column / 4);
      let sum = bias[filter]!;
      for (let point = 0; point < points; point++) {
        let products = 0;
        for (let y = 0; y < kernelRows; y++) {
          for (let c = 0; c < channels; c++) {
            const from = (((row * step.strideRows + y) * channels + c) * points + point) * groups + group;
            const at = ((Math.floor(filter / 4) * points + point) * kernelRows + y) * channels + c;
            products += weights[at * 4 + (filter % 4)]! * this.arena[(step.input + from) * lanes + lane]!;
          }
        }
        sum += transform[(column % 4) * points + point]! * products;
      }
      if (step.residual !== undefined) sum += this.get(step.residual, filter, row, column, lane);
      return activate(step.activation, sum);
    });
  }

  sparseConv(step: Extract<Step, { kind: 'sparseConv' }>): void {
    const [bases, starts, bias] = [this.integers(step.bases), this.integers(step.starts), this.floats(step.bias)];
    const [rows, offsets, values] = [this.shorts(step.rows), this.shorts(step.offsets), this.floats(step.values)];
    const [down, across] = step.strides;
    for (let block = 0; block < step.blocks; block++) {
      for (let part = block * step.stripes; part < (block + 1) * step.stripes; part++) {
        let at = starts[2 * part + 1]!;
        for (let row = starts[2 * part]!; row < starts[2 * part + 2]!; row++) {
          const [filter, count] = [rows[2 * row]!, rows[2 * row + 1]!];
          const first = at;
          this.each({ ...step.output, channels: 1 }, (_, y, x, lane) => {
            let sum = block === 0 ? bias[filter]! : this.get(step.output, filter, y, x, lane);
            if (block === 0 && step.residual !== undefined) sum += this.get(step.residual, filter, y, x, lane);
            const origin = step.input.offset + bases[block]! + y * down * step.input.rowPitch + x * across;
            for (let i = first; i < first + count; i++) {
              sum += values[i]! * this.arena[(origin + offsets[i]!) * lanes + lane]!;
            }
            if (block === step.blocks - 1) sum = activate(step.activation, sum);
            this.set(step.output, filter, y, x, lane, sum);
            return undefined;
          });
          at += count;
        }
        if (at !== starts[2 * part + 3]) throw new Error('a stripe does not end where the next one starts');
      }
    }
  }

  convolve(
    step: {
      input: View;
      output: View;
      strides: readonly [number, number];
      dilations: readonly [number, number];
      residual: View | undefined;
      activation: Activation;
    },
    sum: (
      channel: number,
      tap: (c: number, i: number, j: number) => number,
      row: number,
      column: number,
      lane: number,
    ) => number,
  ): void {
    this.each(step.output, (c, row, column, lane) => {
      const tap = (channel: number, i: number, j: number) =>
        this.get(
          step.input,
          channel,
          row * step.strides[0] + i * step.dilations[0],
          column * step.strides[1] + j * step.dilations[1],
          lane,
        );
      const residual = step.residual === undefined ? 0 : this.get(step.residual, c, row, column, lane);
      return activate(step.activation, sum(c, tap, row, column, lane) + residual);
    });
  }

  convert(step: Extract<Step, { kind: 'toPlain' | 'fromPlain' }>): void {
    const tiles = step.kind === 'toPlain' ? step.input : step.output;
    const plain = step.kind === 'toPlain' ? step.output : step.input;
    const { grid, height, width } = step;
    this.each(tiles, (c, row, column, lane) => {
      const [y, x] = pixel(grid, tiles, row, column, lane);
      const inside = lane < grid.rows * grid.columns && y < height && x < width;
      const at = plain + (c * height + y) * width + x;
      if (step.kind === 'fromPlain') return inside ? this.arena[at]! : 0;
      if (inside) this.arena[at] = this.get(tiles, c, row, column, lane);
      return undefined;
    });
  }

  softmax({ input, output, outer, length, inner }: Extract<Step, { kind: 'softmax' }>): void {
    for (let o = 0; o < outer; o++) {
      for (let i = 0; i < inner; i++) {
        const at = (index: number) => (o * length + index) * inner + i;
        const values = Array.from({ length }, (_, index) => this.arena[input + at(index)]!);
        const largest = Math.max(...values);
        const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
        for (const [index, value] of values.entries()) {
          this.arena[output + at(index)] = Math.exp(value - largest) / total;
        }
      }
    }
  }

  strided(dims: readonly number[], strides: readonly (readonly number[])[], visit: (at: number[]) => void): void {
    const index = dims.map(() => 0);
    const count = dims.reduce((product, length) => product * length, 1);
    for (let step = 0; step < count; step++) {
      visit(strides.map((list) => list.reduce((sum, stride, axis) => sum + stride * index[axis]!, 0)));
      for (let axis = dims.length - 1; axis >= 0 && ++index[axis]! >= dims[axis]!; axis--) index[axis] = 0;
    }
  }

  /** All lanes of all vectors of a tile; `value` undefined writes nothing. */
  each(view: View, value: (channel: number, row: number, column: number, lane: number) => number | undefined): void {
    for (let c = 0; c < view.channels; c++) {
      for (let row = 0; row < view.rows; row++) {
        for (let column = 0; column < view.columns; column++) {
          for (let lane = 0; lane < lanes; lane++) {
            const result = value(c, row, column, lane);
            if (result !== undefined) this.set(view, c, row, column, lane, result);
          }
        }
      }
    }
  }

  get(view: View, channel: number, row: number, column: number, lane: number): number {
    return this.arena[position(view, channel, row, column) + lane]!;
  }

  set(view: View, channel: number, row: number, column: number, lane: number, value: number): void {
    const at = position(view, channel, row, column) + lane;
    if (!(at >= 0 && at < this.arena.length)) throw new Error(`${at} is outside of the arena`);
    this.arena[at] = value;
  }

  floats({ offset, bytes }: Constants): Float32Array {
    return new Float32Array(this.plan.constants.buffer, this.plan.constants.byteOffset + offset, bytes / 4);
  }

  integers({ offset, bytes }: Constants): Int32Array {
    return new Int32Array(this.plan.constants.buffer, this.plan.constants.byteOffset + offset, bytes / 4);
  }

  shorts({ offset, bytes }: Constants): Uint16Array {
    return new Uint16Array(this.plan.constants.buffer, this.plan.constants.byteOffset + offset, bytes / 2);
  }
}

function position(view: View, channel: number, row: number, column: number): number {
  return (view.offset + channel * view.channelPitch + row * view.rowPitch + column) * lanes;
}

function pixel(grid: Grid, tile: { rows: number; columns: number }, row: number, column: number, lane: number) {
  return [Math.floor(lane / grid.columns) * tile.rows + row, (lane % grid.columns) * tile.columns + column] as const;
}

function activate(activation: Activation, value: number): number {
  const { kind } = activation;
  return kind === 'none' ? value : applyActivation({ ...activation, kind } as ActivationFunction, value);
}
