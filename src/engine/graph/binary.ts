import type { BinaryOperator } from './types.js';

/** One element of an elementwise operation. */
export function applyBinary(operator: BinaryOperator, left: number, right: number): number {
  switch (operator) {
    case 'Add':
      return left + right;
    case 'Sub':
      return left - right;
    case 'Mul':
      return left * right;
    case 'Div':
      return left / right;
  }
}
