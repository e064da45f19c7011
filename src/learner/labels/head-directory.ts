import type { DeadReason, HeadDefinition } from '../types.js';

/** What the label pipeline needs to know of heads. */
export interface HeadDirectory {
  /** Asks NATS when the registry has not heard of the head: it may just have been created elsewhere. */
  find(name: string): Promise<HeadDefinition | undefined>;
  /** Classes learned so far, as of the newest snapshot. */
  classes(name: string): ReadonlySet<string>;
}

/** Why a label's class can't be learned by this head; undefined when it can. */
export function refuseClass(
  head: HeadDefinition,
  learned: ReadonlySet<string>,
  label: string,
): { reason: DeadReason; detail: string } | undefined {
  if (head.classes !== 'open') {
    if (head.classes.includes(label)) return undefined;
    return {
      reason: 'unknown_class',
      detail: `head '${head.name}' has a fixed list of ${head.classes.length} classes; the label is not one of them`,
    };
  }
  if (learned.size < head.maxClasses || learned.has(label)) return undefined;
  return { reason: 'class_limit', detail: `head '${head.name}' has its maxClasses (${head.maxClasses}) already` };
}
