import type { Arithmetic } from '../../native/index.js';
import { plainArithmetic } from './plain.js';

/** The fastest `Arithmetic` of this machine. Which one it is decides nothing but speed. */
export function arithmetic(): Arithmetic {
  return plainArithmetic;
}
