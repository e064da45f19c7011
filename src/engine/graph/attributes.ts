import type { OnnxAttribute, OnnxNode, OnnxTensor } from '../onnx/model.js';
import { quote } from '../text.js';
import { refuse } from './refusal.js';

/** A node's attributes by type. Each that the node has must be asked for: `finish` refuses what nobody understood. */
export class Attributes {
  readonly #attributes: ReadonlyMap<string, OnnxAttribute>;
  readonly #known = new Set<string>();

  constructor(node: OnnxNode) {
    this.#attributes = node.attributes;
  }

  integer(name: string, fallback: number): number {
    return this.#read(name, (attribute) => attribute.int) ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.#read(name, (attribute) => attribute.float) ?? fallback;
  }

  text(name: string, fallback: string): string {
    return this.#read(name, (attribute) => attribute.string) ?? fallback;
  }

  integers(name: string): readonly number[] | undefined {
    return this.#read(name, (attribute) => attribute.ints);
  }

  floats(name: string): readonly number[] | undefined {
    return this.#read(name, (attribute) => attribute.floats);
  }

  tensor(name: string): OnnxTensor | undefined {
    return this.#read(name, (attribute) => attribute.tensors?.[0]);
  }

  /** For attributes that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** @throws Refusal when the node has an attribute that was not asked for. */
  finish(): void {
    for (const name of this.#attributes.keys()) if (!this.#known.has(name)) refuse(`the attribute ${quote(name)}`);
  }

  #read<T>(name: string, pick: (attribute: OnnxAttribute) => T | undefined): T | undefined {
    this.#known.add(name);
    const attribute = this.#attributes.get(name);
    if (attribute === undefined) return undefined;
    return pick(attribute) ?? refuse(`the attribute ${quote(name)} is of the wrong type`);
  }
}
