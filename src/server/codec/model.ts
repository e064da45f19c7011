// What a model takes and gives, as the codec and ModelMetadata see it.

/** A head, or a backbone by itself. */
export interface ModelSpec {
  readonly kind: 'head' | 'backbone';
  readonly name: string;
  /** Height and width of the backbone's input, in pixels. */
  readonly size: number;
  /** D, the length of an embedding. */
  readonly dimensions: number;
}

export type InputName = 'image' | 'pixels' | 'input' | 'embedding';
export type OutputName = 'label' | 'probabilities' | 'embedding';
export type Datatype = 'BYTES' | 'UINT8' | 'FP32';

export interface TensorSpec<Name extends string> {
  readonly name: Name;
  readonly datatype: Datatype;
  /** -1: of any size. */
  readonly shape: readonly number[];
}

export function inputsOf(model: ModelSpec): TensorSpec<InputName>[] {
  const { size, dimensions } = model;
  const inputs: TensorSpec<InputName>[] = [
    { name: 'image', datatype: 'BYTES', shape: [-1] },
    { name: 'pixels', datatype: 'UINT8', shape: [-1, size, size, 3] },
    { name: 'input', datatype: 'FP32', shape: [-1, 3, size, size] },
  ];
  if (model.kind === 'head') inputs.push({ name: 'embedding', datatype: 'FP32', shape: [-1, dimensions] });
  return inputs;
}

export function outputsOf(model: ModelSpec): TensorSpec<OutputName>[] {
  const embedding = { name: 'embedding', datatype: 'FP32', shape: [-1, model.dimensions] } as const;
  if (model.kind === 'backbone') return [embedding];
  return [
    { name: 'label', datatype: 'BYTES', shape: [-1] },
    { name: 'probabilities', datatype: 'FP32', shape: [-1, -1] },
    embedding,
  ];
}

/** `[N,3,224,224]`, as messages show it. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.map((size) => (size === -1 ? 'N' : String(size))).join(',')}]`;
}
