import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Executor, ExecutorOptions, Native, Plan } from '../../../src/native/index.js';
import { loadNative } from '../../../src/native/index.js';
import { ROOT } from '../../support/repository.js';
import { normalise } from './plans.js';

const loaded = loadNative();

/** For a test's `skip`: false, or why there is no addon. */
export const skip: string | false = loaded.kind === 'native' ? false : loaded.reason;

/** Only in tests that are not skipped. */
export function native(): Native {
  if (loaded.kind !== 'native') throw new Error(loaded.reason);
  return loaded;
}

export const addonFile = join(ROOT, 'src', 'native', 'build', 'Release', 'headwater.node');

/** What the addon itself exports: it takes words that no encoder would write. */
export interface RawAddon {
  createExecutor(words: unknown, constants: unknown, options: unknown): Executor;
}

export function rawAddon(): RawAddon {
  return createRequire(import.meta.url)(addonFile) as RawAddon;
}

export const options = (threads: number, isa: ExecutorOptions['isa'] = 'auto'): ExecutorOptions => ({
  threads,
  isa,
  normalise,
  pixelChannels: [0, 1, 2],
});

/** Calls `use` with an executor, and closes it. */
export async function withExecutor<T>(
  plan: Plan,
  settings: ExecutorOptions,
  use: (executor: Executor) => Promise<T>,
): Promise<T> {
  const executor = native().createExecutor(plan, settings);
  try {
    return await use(executor);
  } finally {
    await executor.close();
  }
}
