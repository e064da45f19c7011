// Throughput, latency and the queue of the whole process.
import { Chart } from './charts.js';
import { byId, fill, make } from './dom.js';
import { number, percent } from './format.js';
import { History } from './history.js';
import { span } from './span.js';

const milliseconds = (/** @type {number} */ value) => `${number(value)} ms`;
/** Labels of axes: as short as they can be. */
const axis = (/** @type {number} */ value) =>
  value >= 10 ? String(Math.round(value)) : String(Number(value.toFixed(2)));

export class Traffic {
  constructor() {
    this.history = new History();
    this.throughput = new Chart(byId('throughput'), {
      label: 'Requests, images and labels a second',
      tick: axis,
      sync: 'traffic',
      lines: [
        { label: 'requests', color: 'blue', fill: true, value: number },
        { label: 'images', color: 'green', dash: [6, 3], value: number },
        { label: 'labels', color: 'violet', value: number },
        { label: 'errors', color: 'red', value: number },
      ],
    });
    this.latency = new Chart(byId('latency'), {
      label: 'Latency of answered requests',
      tick: axis,
      sync: 'traffic',
      lines: [
        { label: 'p50', color: 'blue', value: milliseconds },
        { label: 'p95', color: 'violet', value: milliseconds },
        { label: 'p99', color: 'orange', value: milliseconds },
      ],
    });
  }

  get since() {
    return this.history.since;
  }

  clear() {
    this.history.clear();
  }

  /** @param {any} overview */
  show(overview) {
    byId('traffic').hidden = overview.traffic === null;
    if (overview.traffic === null) return;
    this.history.add(overview.traffic);
    const history = this.history.last(span());
    const column = (/** @type {string} */ name) => history.column(name);
    const latest = (/** @type {string} */ name) => recent(column(name));
    this.throughput.show(
      history.times,
      ['requests', 'images', 'labels', 'errors'].map(column),
      [],
      `Now ${number(latest('requests'))} requests and ${number(latest('images'))} images a second.`,
    );
    this.latency.show(
      history.times,
      ['p50Ms', 'p95Ms', 'p99Ms'].map(column),
      [],
      `Of late ${number(latest('p50Ms'))} ms in the median, ${number(latest('p99Ms'))} ms at the 99th percentile.`,
    );
    const depth = overview.queues.reduce((/** @type {number} */ sum, /** @type {any} */ queue) => sum + queue.depth, 0);
    const limit = overview.queues.reduce((/** @type {number} */ sum, /** @type {any} */ queue) => sum + queue.limit, 0);
    const tile = (/** @type {string} */ name, /** @type {string} */ value, unit = '') =>
      make('div', {}, make('dt', {}, name), make('dd', {}, value, ' ', make('small', {}, unit)));
    fill(
      byId('tiles'),
      tile('Requests', number(latest('requests')), '/ s'),
      tile('Images', number(latest('images')), '/ s'),
      tile('Labels learned', number(latest('labels')), '/ s'),
      tile('Median', number(latest('p50Ms')), 'ms'),
      tile('p95', number(latest('p95Ms')), 'ms'),
      tile('p99', number(latest('p99Ms')), 'ms'),
      tile('Queue', number(depth), `of ${number(limit)}`),
      tile('Engine busy', percent(Math.min(latest('busy') ?? Number.NaN, 1), 0)),
      tile('Errors', number(latest('errors')), '/ s'),
    );
  }
}

/**
 * Mean of the last rows that have a value: a single second is too restless to read.
 * @param {(number | null)[]} values
 */
function recent(values) {
  const last = values.slice(-5).filter((value) => value !== null);
  return last.length === 0 ? null : last.reduce((sum, value) => sum + value, 0) / last.length;
}
