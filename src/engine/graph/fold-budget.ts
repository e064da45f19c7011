import { refuse } from './refusal.js';

/** Values that may be made from constants: a chain of Concats doubles its length each time. */
export interface FoldBudget {
  /** @throws Refusal when it is spent. */
  spend(elements: number): void;
  readonly isSpent: boolean;
}

export function limitedBudget(elements: number): FoldBudget {
  let left = elements;
  return {
    get isSpent() {
      return !(left >= 0);
    },
    spend(count) {
      left -= count;
      if (this.isSpent)
        refuse('weights and what is made from constants grow beyond sixteen times the weights in the file');
    },
  };
}
