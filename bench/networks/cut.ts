import type { ModelSpec } from '../onnx/model-spec.js';

/** The model with one output, and without what that does not need. @throws Error when nothing makes it */
export function cutAt(spec: ModelSpec, output: string): ModelSpec {
  const needed = new Set([output]);
  const nodes = [...spec.nodes].reverse().filter(({ inputs, outputs }) => {
    if (!outputs.some((name) => needed.has(name))) return false;
    for (const name of inputs) needed.add(name);
    return true;
  });
  if (nodes.length === 0) throw new Error(`nothing makes the tensor ${output}`);
  const weights = Object.entries(spec.weights ?? {}).filter(([name]) => needed.has(name));
  const outputs = spec.outputs.filter(({ name }) => name === output);
  return {
    ...spec,
    nodes: nodes.reverse(),
    weights: Object.fromEntries(weights),
    outputs: outputs.length > 0 ? outputs : [{ name: output }],
  };
}
