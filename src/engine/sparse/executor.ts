import type { Executor, Native, Plan } from '../../native/index.js';
import type { BackboneOptions } from '../backbone.js';
import { EngineError } from '../backbone.js';
import { pixelTables } from '../preprocess.js';
import { releaseMemory } from '../release-memory.js';
import { reasonOf } from '../text.js';
import { countThreads } from '../threads.js';

/** @throws EngineError settings_invalid when this machine can't run the instruction set that was asked for. */
export function checkIsa({ name, isa }: Pick<BackboneOptions, 'name' | 'isa'>, native: Native): void {
  if (isa === 'auto' || native.isas.includes(isa)) return;
  throw new EngineError(
    'settings_invalid',
    `backbone ${name}: engine.isa is ${isa}, which this machine can't run; set engine.isa (or HEADWATER_ISA) to auto or ` +
      `one of ${native.isas.join(', ')}`,
  );
}

/**
 * Has the addon take a plan. It keeps a copy of the constants, so those of the plan are freed: the plan can't be used again.
 *
 * @throws Error when the addon refuses the plan, or has no memory or threads for it: see `reasonOfRefusal`
 */
export function createExecutor(
  native: Native,
  plan: Plan,
  { threads, isa, image }: Pick<BackboneOptions, 'threads' | 'isa' | 'image'>,
): Executor {
  const { values, sources } = pixelTables(image);
  const normalise = new Float32Array(3 * 256);
  for (const [channel, table] of values.entries()) normalise.set(table, channel * 256);
  try {
    return native.createExecutor(plan, {
      threads: countThreads(threads),
      isa,
      normalise,
      pixelChannels: sources,
    });
  } finally {
    releaseMemory(plan.constants);
  }
}

/** In words, what `createExecutor` threw: a fault of the plan, or something that this machine lacks. */
export function reasonOfRefusal(error: unknown): string {
  const reason = reasonOf(error);
  return reason.startsWith('plan:')
    ? `the addon refuses the plan (${reason})`
    : `the addon can't run it here (${reason})`;
}
