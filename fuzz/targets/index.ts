import type { FuzzTarget } from '../target.js';

/** All that takes bytes of strangers, by name. Loaded when asked for: a process that runs one needs no other. */
const TARGETS: Readonly<Record<string, () => Promise<FuzzTarget>>> = {
  messages: async () => (await import('./messages.js')).messages,
  wire: async () => (await import('./wire.js')).wire,
  http2: async () => (await import('./http2.js')).http2,
  onnx: async () => (await import('./onnx.js')).onnx,
  images: async () => (await import('./images.js')).images,
  snapshots: async () => (await import('./snapshots.js')).snapshots,
  labels: async () => (await import('./labels.js')).labels,
  config: async () => (await import('./config.js')).config,
  tokens: async () => (await import('./tokens.js')).tokens,
};

export const TARGET_NAMES: readonly string[] = Object.keys(TARGETS);

/** A target by its name, or by the URL of a module that exports it as `target`. @throws Error for any other name. */
export async function targetOf(name: string): Promise<FuzzTarget> {
  const load = Object.hasOwn(TARGETS, name) ? TARGETS[name] : undefined;
  if (load !== undefined) return load();
  if (name.startsWith('file:')) return ((await import(name)) as { target: FuzzTarget }).target;
  throw new Error(`no target ${name}; there are ${TARGET_NAMES.join(', ')}`);
}
