// The networks and what runs them.
import type { Batcher } from '../../batching/batcher.js';
import { StatusError } from '../../errors.js';
import { type Caller, maySee } from '../../security/caller.js';
import { needBackbones } from './need.js';
import type { ApiParts } from './parts.js';

export function engine(parts: ApiParts, caller: Caller): object {
  const { backbones, layers } = parts;
  const names = (backbones?.names() ?? []).filter((name) => caller.seesAll || maySee(caller, name));
  return {
    backbones: names.map((name) => {
      const batcher = backbones!.loaded.get(name);
      const { state, reason, detail } = backbones!.state(name);
      return {
        name,
        state,
        reason: caller.may('admin', name) ? detail : reason,
        ...(batcher === undefined ? {} : loaded(batcher)),
        layers: batcher === undefined ? null : (layers.of(name, batcher.backbone.identity) ?? null),
        mayMeasure: caller.may('admin', name),
      };
    }),
  };
}

/** Measures the layers, once. @throws StatusError permission_denied, and as `Layers.measured` */
export async function measureLayers(parts: ApiParts, caller: Caller, name: string): Promise<object> {
  if (!caller.may('admin', name)) {
    throw new StatusError('permission_denied', `the credentials of this call lack the scope \`admin\` for "${name}"`);
  }
  return parts.layers.measured(needBackbones(parts), name);
}

function loaded({ backbone, counts, depth, limit }: Batcher): object {
  const { info, identity, dimensions, image } = backbone;
  const sizes = [...counts.batchSizes].sort(([a], [b]) => a - b);
  return {
    ...info,
    identity,
    dimensions,
    imageSize: image.size,
    queue: { depth, limit },
    images: counts.images,
    refused: counts.refused,
    dropped: counts.dropped,
    /** By images a batch: how many there were, and the mean time of one. */
    batches: sizes.map(([images, same]) => ({
      images,
      batches: same.batches,
      meanMs: same.computeNs / same.batches / 1e6,
    })),
  };
}
