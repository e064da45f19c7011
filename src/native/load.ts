// Finds and loads the addon. It is loaded once; that it is absent is no error here, for the service runs without it, too.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bindArithmetic, type RawArithmetic } from './bind-arithmetic.js';
import { encodePlan } from './encode.js';
import type { Executor, ExecutorOptions, Isa, Native, NativeAbsent } from './executor.js';
import type { Plan } from './plan.js';

/** What the addon exports (addon.cpp). */
interface Addon {
  /** Of the sources that it was compiled from. */
  readonly sourcesDigest?: string;
  isas(): Isa[];
  createArithmetic(isa: Isa | 'auto'): RawArithmetic;
  createExecutor(words: Int32Array, constants: Uint8Array, options: ExecutorOptions): Executor;
  trimFreedMemory(): void;
}

const builtAt = join('src', 'native', 'build', 'Release', 'headwater.node');
const digestScript = join('src', 'native', 'sources-digest.cjs');
const howToGetIt = 'run `npm run setup`, which needs g++ (or clang++), make and python3';

let loaded: Native | NativeAbsent | undefined;

/** The addon of this clone, or why there is none. */
export function loadNative(): Native | NativeAbsent {
  loaded ??= loadFrom(packageRoot(dirname(fileURLToPath(import.meta.url))));
  return loaded;
}

/** As `loadNative`, for the clone whose root folder is `root`. */
export function loadFrom(root: string | undefined): Native | NativeAbsent {
  const file = join(root ?? '', builtAt);
  if (root === undefined || !existsSync(file)) {
    return { kind: 'absent', reason: `the native addon is not built (no ${file}): ${howToGetIt}` };
  }
  try {
    const addon = createRequire(import.meta.url)(file) as Addon;
    if (isStale(addon, root)) {
      return {
        kind: 'absent',
        reason: `the native addon was built from other sources than those of this version: ${howToGetIt}`,
      };
    }
    return bind(addon);
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
    // Built for another machine, processor or C library; or half written.
    return {
      kind: 'absent',
      reason: `the native addon can't be loaded (${message}): delete ${file} and ${howToGetIt}`,
    };
  }
}

/** Whether the addon is not that of the C++ sources beside it. Without sources, as in an image that holds what runs only, nothing can have changed. */
function isStale(addon: Addon, root: string): boolean {
  const script = join(root, digestScript);
  if (!existsSync(script)) return false;
  const { sourcesDigest } = createRequire(import.meta.url)(script) as { sourcesDigest(): string };
  return addon.sourcesDigest !== sourcesDigest();
}

function bind(addon: Addon): Native {
  return {
    kind: 'native',
    isas: addon.isas(),
    arithmetic: (isa: Isa | 'auto') => bindArithmetic(addon.createArithmetic(isa)),
    createExecutor: (plan: Plan, options: ExecutorOptions) =>
      addon.createExecutor(encodePlan(plan), plan.constants, options),
    trimFreedMemory: () => addon.trimFreedMemory(),
  };
}

/** The nearest folder above with a package.json: compiled files lie at different depths below it. */
function packageRoot(folder: string): string | undefined {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  return parent === folder ? undefined : packageRoot(parent);
}
