/** Filters that the dense kernels compute together. */
export const filtersOfBlock = 4;
const outputsOfBlock = 16;

/** @returns float32 [ceil(filters / 4)][input channels][kernel rows][kernel columns][4]; filters that do not exist are zero. */
export function packDense(weights: Float32Array, filters: number): Float32Array {
  return intoBlocks(weights, filters, filtersOfBlock);
}

/** @returns float32 [ceil(outputs / 16)][inputs][16]; outputs that do not exist are zero. */
export function packDenseLinear(weights: Float32Array, outputs: number): Float32Array {
  return intoBlocks(weights, outputs, outputsOfBlock);
}

/** One value a filter, padded to whole blocks. */
export function packDenseBias(bias: Float32Array): Float32Array {
  return intoBlocks(bias, bias.length, filtersOfBlock);
}

export function packDenseLinearBias(bias: Float32Array): Float32Array {
  return intoBlocks(bias, bias.length, outputsOfBlock);
}

/** [rows][length] to [ceil(rows / block)][length][block]. */
function intoBlocks(values: Float32Array, rows: number, block: number): Float32Array {
  const length = rows === 0 ? 0 : values.length / rows;
  const packed = new Float32Array(Math.ceil(rows / block) * block * length);
  for (let row = 0; row < rows; row++) {
    let to = Math.floor(row / block) * block * length + (row % block);
    for (let from = row * length, end = from + length; from < end; from++, to += block) packed[to] = values[from]!;
  }
  return packed;
}
