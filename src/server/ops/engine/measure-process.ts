// A process that measures one network and ends: what it takes and what it breaks is not the server's.
import { setPriority } from 'node:os';
import { type TimedReport, timeModel } from '../../../engine/index.js';
import { printable } from '../../errors.js';
import type { LayerReport, LayersReport, MeasureReply, MeasureRequest } from './messages.js';

const MAX_LAYERS = 1_000;
const LOWEST_PRIORITY = 19;

process.once('message', (request: MeasureRequest) => {
  setPriority(LOWEST_PRIORITY);
  timeModel(request).then(
    (report) => reply({ report: layersOf(report) }),
    (error: Error) => reply({ error: printable(error.message) }),
  );
});
// The server is gone.
process.once('disconnect', () => process.exit(1));

function reply(message: MeasureReply): void {
  process.send?.(message, () => process.disconnect());
}

function layersOf({ graph, sparsity, times, notTimed, unsupported }: TimedReport): LayersReport {
  const facts = new Map(graph?.layers.map((layer) => [layer.name, layer]));
  // Without a plan: as the file has them.
  const planned = graph?.plan?.layers ?? graph?.layers.map(({ name }) => ({ node: name, kernel: '' })) ?? [];
  const layers = planned.map(({ node, kernel }, at): LayerReport => {
    const fact = facts.get(node);
    const time = times?.layers[at];
    return {
      name: printable(node).slice(0, 200),
      operation: printable(fact?.operation ?? '').slice(0, 200),
      kernel,
      output: fact?.outputShape.slice(1).join('x') ?? '',
      weights: fact?.weights?.weights ?? null,
      sparsity: fact?.weights?.sparsity ?? null,
      microseconds: time?.microseconds ?? null,
      share: time?.share ?? null,
    };
  });
  const [refusal] = unsupported;
  return {
    layers: layers.filter(({ name }) => name !== '').slice(0, MAX_LAYERS),
    layerCount: layers.filter(({ name }) => name !== '').length,
    sparsity,
    multiplyAdds: graph?.totals.multiplyAdds ?? 0,
    usefulMultiplyAdds: graph?.totals.usefulMultiplyAdds ?? 0,
    microseconds: times?.microseconds ?? null,
    isa: times?.isa ?? null,
    problem: refusal === undefined ? notTimed : printable(`${refusal.operator} ${refusal.node}: ${refusal.reason}`),
  };
}
