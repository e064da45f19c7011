// What happened to a head: told by the server with the number of labels, placed in time by the page's rows.
import { percent } from './format.js';

/**
 * @typedef {'drift' | 'warning' | 'stable' | 'promotion' | 'pin' | 'version'} Kind
 * @typedef {{ kind: Kind, samples: number | undefined, timeMs: number | undefined, text: string, mark: string }} Event
 */

const COLORS = {
  drift: 'red',
  warning: 'orange',
  stable: 'green',
  promotion: 'violet',
  pin: 'green',
  version: 'muted',
};

/**
 * Drift, promotions and pins, newest first.
 * @param {any} head
 * @param {import('./history.js').History} history
 * @returns {Event[]}
 */
export function eventsOf(head, history) {
  const timeOf = timesBySamples(history);
  const drifts = head.drift.history.map((/** @type {any} */ { level, samples, errorBefore, errorAfter }) => ({
    ...{ kind: level, samples, timeMs: timeOf(samples), mark: level === 'stable' ? 'stable again' : level },
    text: `${level === 'stable' ? 'stable again' : level}: error ${percent(errorBefore, 0)} → ${percent(errorAfter, 0)}, at ${samples} labels`,
  }));
  // The first one of all is the start: nothing had been judged.
  const promotions = head.promotions
    .filter((/** @type {any} */ { samples }) => samples > 0)
    .map((/** @type {any} */ { from, to, samples, reason }) => ({
      ...{ kind: 'promotion', samples, timeMs: timeOf(samples), mark: `${to} serves` },
      text: `${to} serves instead of ${from}: ${reason}`,
    }));
  /** @type {Event[]} */
  const all = [...drifts, ...promotions, ...pinsOf(history)];
  return all.sort((a, b) => (b.timeMs ?? 0) - (a.timeMs ?? 0) || (b.samples ?? 0) - (a.samples ?? 0));
}

/**
 * Marks of a chart: events with their names, versions as ticks at its foot.
 * @param {any} head
 * @param {import('./history.js').History} history
 * @param {'time' | 'samples'} axis
 * @returns {import('./charts.js').Mark[]}
 */
export function marksOf(head, history, axis) {
  const placed = [...eventsOf(head, history).filter(({ kind }) => kind !== 'stable'), ...versionsOf(head, history)];
  return placed.flatMap(({ kind, samples, timeMs, mark }) => {
    const at = axis === 'samples' ? samples : timeMs && timeMs / 1000;
    return at === undefined ? [] : [{ at, color: COLORS[kind], text: mark, foot: kind === 'version' }];
  });
}

/**
 * @param {any} head
 * @param {import('./history.js').History} history
 * @returns {Event[]}
 */
function versionsOf({ versions }, history) {
  const known = new Map(
    versions.map((/** @type {any} */ { version, samples, createdAtMs }) => [version, { samples, timeMs: createdAtMs }]),
  );
  // Those that are no longer kept, as the rows saw them come.
  const [latest, samples] = [history.column('latestVersion'), history.column('samples')];
  for (let at = 1; at < history.rows.length; at++) {
    const version = latest[at];
    if (version === latest[at - 1] || typeof version !== 'number' || known.has(version)) continue;
    known.set(version, { samples: samples[at], timeMs: history.rows[at]?.[0] });
  }
  return [...known.values()].map((entry) => ({ ...entry, kind: 'version', text: '', mark: '' }));
}

/**
 * Pins, rollbacks and releases: the version that serves leaves the newest one, or comes back to it.
 * @param {import('./history.js').History} history
 * @returns {Event[]}
 */
function pinsOf(history) {
  const columns = ['servingVersion', 'latestVersion', 'samples'].map((name) => history.column(name));
  const [serving, latest, samples] = /** @type {[number[], number[], number[]]} */ (columns);
  /** @type {Event[]} */
  const events = [];
  let lastRow = '';
  for (let at = 1; at < history.rows.length; at++) {
    const [now, before, newest] = [serving[at] ?? 0, serving[at - 1] ?? 0, latest[at] ?? 0];
    const timeMs = history.rows[at]?.[0] ?? undefined;
    const row = `${before}-${now}`;
    if (row === lastRow) continue;
    if (now < before)
      events.push({
        kind: 'pin',
        samples: samples[at],
        timeMs,
        text: `rolled back from version ${before} to ${now}`,
        mark: `back to v${now}`,
      });
    else if (now > before && before < (latest[at - 1] ?? 0) && now === newest && newest - before > 1) {
      events.push({
        kind: 'pin',
        samples: samples[at],
        timeMs,
        text: `version ${now} serves again after ${before}`,
        mark: `v${now} again`,
      });
    }
    lastRow = row;
  }
  return events;
}

/**
 * When a head had learned so many labels, as far as the rows go back.
 * @param {import('./history.js').History} history
 */
function timesBySamples(history) {
  const samples = history.column('samples');
  return (/** @type {number} */ wanted) => {
    const first = samples[0];
    if (first === null || first === undefined || wanted < first) return undefined;
    const at = samples.findIndex((count) => count !== null && count >= wanted);
    return at < 0 ? undefined : (history.rows[at]?.[0] ?? undefined);
  };
}
