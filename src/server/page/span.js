// How far back the charts go.
import { byId } from './dom.js';

const SPANS = /** @type {Record<string, number>} */ ({ minutes: 300_000, hour: 3_600_000, day: 86_400_000 });

/** Milliseconds. */
export function span() {
  const chosen = byId('span').querySelector('input:checked');
  return SPANS[chosen instanceof HTMLInputElement ? chosen.value : 'hour'] ?? 3_600_000;
}

/** @param {() => void} changed */
export function onSpan(changed) {
  byId('span').addEventListener('change', changed);
}
