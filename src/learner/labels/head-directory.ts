import type { DeadReason, HeadDefinition } from '../types.js';

/** What the label pipeline needs to know of heads. */
export interface HeadDirectory {
  /**
   * Resolves once all that was written about heads before the call is known here: which head a label means is decided after that, for a head may have
   * been deleted and created again elsewhere. @throws when NATS does not answer, or what was written does not come.
   */
  upToNow(): Promise<void>;
  /** Asks NATS when the registry has not heard of the head: it may just have been created elsewhere. */
  find(name: string): Promise<HeadDefinition | undefined>;
  /** Classes learned so far, as of the newest snapshot; 0: nothing was learned yet. */
  classCount(name: string): number;
  /** Whether a class is called so, or was before it was renamed, as of the newest snapshot. @throws when NATS must be asked and does not answer. */
  knowsClass(name: string, label: string): Promise<boolean>;
}

/**
 * Why a label's class can't be learned by this head; undefined when it can. What the fold would learn must pass, so names that were given up count.
 * @throws as `knowsClass`.
 */
export async function refuseClass(
  heads: Pick<HeadDirectory, 'classCount' | 'knowsClass'>,
  { name, classes, maxClasses }: HeadDefinition,
  label: string,
): Promise<{ reason: DeadReason; detail: string } | undefined> {
  const count = heads.classCount(name);
  if (classes === 'open' && count < maxClasses) return undefined;
  // A fixed list is what the head began with: classes may have been renamed and deleted since.
  const known = count === 0 ? classes.includes(label) : await heads.knowsClass(name, label);
  if (known) return undefined;
  if (classes === 'open') {
    return { reason: 'class_limit', detail: `head '${name}' has its maxClasses (${maxClasses}) already` };
  }
  const size = count === 0 ? classes.length : count;
  return {
    reason: 'unknown_class',
    detail: `head '${name}' has a fixed list of ${size} classes; the label is not one of them`,
  };
}
