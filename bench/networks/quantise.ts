import type { ModelSpec, NodeSpec, WeightSpec } from '../onnx/model-spec.js';
import type { Ranges } from './calibrate.js';

interface Scale {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** They hand on what they get, so input and output share one scale and ONNX Runtime leaves the floats out. */
const passing = new Set(['MaxPool', 'Flatten', 'Identity', 'Reshape']);
const clipping = new Set(['Relu', 'Clip']);

/**
 * The network in INT8 as ONNX Runtime's own quantiser writes it (QDQ: each tensor followed by QuantizeLinear and DequantizeLinear, which
 * ONNX Runtime fuses into QLinearConv and the like): activations UINT8 with one scale, weights INT8 with a scale for each
 * filter and no zero point, biases INT32. A Relu or Clip behind a convolution or sum costs nothing: its bounds are those of the bytes.
 *
 * @param ranges of every activation: see measureRanges
 * @throws Error for an operator with weights that is not Conv or Gemm (transB 1)
 */
export function quantise(spec: ModelSpec, ranges: Ranges): ModelSpec {
  return new Quantiser(spec, ranges).run();
}

class Quantiser {
  readonly #nodes: NodeSpec[] = [];
  readonly #weights: Record<string, WeightSpec> = {};
  /** Of quantised tensors, by the name that they have in the network of floats. */
  readonly #scales = new Map<string, Scale>();

  constructor(
    private readonly spec: ModelSpec,
    private readonly ranges: Ranges,
  ) {}

  run(): ModelSpec {
    const input = this.spec.inputs[0]!.name;
    this.#quantiseActivation(input, input, this.#scaleOf(input));
    for (const node of this.spec.nodes) this.#convert(node);
    const outputs = this.spec.outputs.map(({ name, shape }) => ({ name, shape }));
    for (const { name } of outputs) this.#finish(name);
    return { ...this.spec, nodes: this.#nodes, weights: this.#weights, outputs };
  }

  #convert(node: NodeSpec): void {
    const [input, weight] = node.inputs as [string, string?];
    const output = node.outputs[0]!;
    const fused = this.#fusedInto(output);
    // The bounds are in the scale of what the clipping node gives, which its input takes over.
    if (clipping.has(node.op) && this.#scales.has(output)) return;
    const inputs = node.inputs.filter((name) => !this.#isWeight(name)).map(dequantised);
    if (weight !== undefined && this.#isWeight(weight) && !clipping.has(node.op)) {
      if (node.op !== 'Conv' && !(node.op === 'Gemm' && node.attributes?.transB === 1)) {
        throw new Error(`${node.op} ${output}: can't be quantised here`);
      }
      inputs.push(...this.#quantiseWeights(input, weight, node.inputs[2]));
    }
    this.#nodes.push({ ...node, inputs, outputs: [`${output}_float`] });
    const scale = passing.has(node.op) ? this.#scales.get(input)! : this.#scaleOf(fused);
    this.#quantiseActivation(fused, `${output}_float`, scale);
  }

  /** The output of the clipping node that alone reads this tensor, or the tensor itself. */
  #fusedInto(output: string): string {
    const readers = this.spec.nodes.filter(({ inputs }) => inputs.includes(output));
    const [reader] = readers;
    return readers.length === 1 && clipping.has(reader!.op) ? reader!.outputs[0]! : output;
  }

  #isWeight(name: string): boolean {
    return this.spec.weights?.[name] !== undefined;
  }

  #scaleOf(tensor: string): Scale {
    const range = this.ranges.get(tensor);
    if (range === undefined) throw new Error(`the range of ${tensor} was not measured`);
    const [low, high] = range;
    const scale = (high - low) / 255 || 1;
    return { scale, zeroPoint: Math.round(-low / scale) };
  }

  #quantiseActivation(tensor: string, from: string, { scale, zeroPoint }: Scale): void {
    this.#scales.set(tensor, { scale, zeroPoint });
    this.#weights[`${tensor}_scale`] = { dims: [], values: [scale] };
    this.#weights[`${tensor}_zero`] = { dims: [], values: Uint8Array.of(zeroPoint) };
    const parameters = [`${tensor}_scale`, `${tensor}_zero`];
    const quantised = `${tensor}_quantised`;
    this.#nodes.push(
      { op: 'QuantizeLinear', inputs: [from, ...parameters], outputs: [quantised] },
      { op: 'DequantizeLinear', inputs: [quantised, ...parameters], outputs: [dequantised(tensor)] },
    );
  }

  /** Weights and bias of a layer; returns the names of their dequantised tensors. */
  #quantiseWeights(input: string, weight: string, bias: string | undefined): string[] {
    const { dims, values } = this.spec.weights![weight]!;
    const { bytes, scales } = quantiseFilters(values, dims[0]!);
    this.#addFilterwise(weight, dims, bytes, scales);
    if (bias === undefined) return [dequantised(weight)];
    const inputScale = this.#scales.get(input)!.scale;
    const biasScales = scales.map((scale) => scale * inputScale);
    const biasValues = this.spec.weights![bias]!.values;
    const integers = Int32Array.from(biasScales, (scale, filter) => Math.round(biasValues[filter]! / scale));
    this.#addFilterwise(bias, [dims[0]!], integers, biasScales);
    return [dequantised(weight), dequantised(bias)];
  }

  #addFilterwise(name: string, dims: number[], values: Int8Array | Int32Array, scales: Float32Array): void {
    this.#weights[`${name}_quantised`] = { dims, values };
    this.#weights[`${name}_scale`] = { dims: [scales.length], values: scales };
    const zeros = values instanceof Int8Array ? new Int8Array(scales.length) : new Int32Array(scales.length);
    this.#weights[`${name}_zero`] = { dims: [scales.length], values: zeros };
    const inputs = [`${name}_quantised`, `${name}_scale`, `${name}_zero`];
    this.#nodes.push({ op: 'DequantizeLinear', inputs, outputs: [dequantised(name)], attributes: { axis: 0 } });
  }

  /** An output of the network is what its dequantised tensor holds. */
  #finish(output: string): void {
    const last = this.#nodes.find(({ outputs }) => outputs[0] === dequantised(output))!;
    last.outputs = [output];
    for (const node of this.#nodes) {
      node.inputs = node.inputs.map((name) => (name === dequantised(output) ? output : name));
    }
  }
}

function dequantised(name: string): string {
  return `${name}_dequantised`;
}

/** [filters, ...] to bytes from -127 to 127; a filter's largest magnitude becomes 127. */
function quantiseFilters(
  values: ArrayLike<number>,
  filters: number,
): { bytes: Int8Array<ArrayBuffer>; scales: Float32Array<ArrayBuffer> } {
  const each = values.length / filters;
  const bytes = new Int8Array(values.length);
  const scales = new Float32Array(filters);
  for (let filter = 0; filter < filters; filter++) {
    let largest = 0;
    for (let i = 0; i < each; i++) largest = Math.max(largest, Math.abs(values[filter * each + i]!));
    scales[filter] = largest / 127 || 1;
    for (let i = 0; i < each; i++) bytes[filter * each + i] = Math.round(values[filter * each + i]! / scales[filter]!);
  }
  return { bytes, scales };
}
