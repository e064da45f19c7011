import type { Arithmetic, Isa } from '../../native/index.js';
import { loadNative } from '../../native/index.js';
import { plainArithmetic } from './plain.js';

let fastest: Arithmetic | undefined;

/**
 * The learners' arithmetic. Which one it is decides nothing but speed: all give the same bits.
 *
 * @param which By default the native addon's, with the best instruction set of this machine, or the plain one where there is no addon. Tests name one.
 * @throws Error when one was named that is not there
 */
export function arithmetic(which: Isa | 'plain' | 'auto' = 'auto'): Arithmetic {
  if (which === 'plain') return plainArithmetic;
  if (which === 'auto') {
    fastest ??= findFastest();
    return fastest;
  }
  const native = loadNative();
  if (native.kind === 'absent') throw new Error(native.reason);
  return native.arithmetic(which);
}

function findFastest(): Arithmetic {
  const native = loadNative();
  return native.kind === 'native' ? native.arithmetic('auto') : plainArithmetic;
}
