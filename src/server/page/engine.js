// The networks: what runs them, and each layer with its zeros and its time.
import { post } from './api.js';
import { bar, byId, fill, make, visible } from './dom.js';
import { number, percent, short } from './format.js';

/** Backbones that are being measured, and why the last time failed. */
const measuring = new Set();
/** @type {Map<string, string>} */
const problems = new Map();

/**
 * @param {any} engine as GET /api/v1/engine answers
 * @param {() => void} refresh
 */
export function showEngine({ backbones }, refresh) {
  byId('engine').hidden = backbones.length === 0;
  fill(byId('backbones'), ...backbones.map((/** @type {any} */ backbone) => card(backbone, refresh)));
}

/**
 * @param {any} backbone
 * @param {() => void} refresh
 */
function card(backbone, refresh) {
  const { name, state, reason, layers } = backbone;
  return make(
    'article',
    { className: 'card', 'aria-label': `Backbone ${name}` },
    make(
      'div',
      { className: 'title' },
      make('h3', {}, visible(name)),
      make('span', { className: `tag ${state === 'READY' ? 'good' : 'bad'}` }, state.toLowerCase()),
      reason !== '' && make('span', { className: 'muted' }, visible(reason)),
      make('span', { className: 'muted' }, layers === null ? '' : totals(layers)),
    ),
    backbone.engine === undefined ? '' : facts(backbone),
    layers === null ? measureButton(backbone, refresh) : layerTable(layers),
  );
}

/** @param {any} backbone */
function facts({ engine, isa, threads, sparsity, dimensions, imageSize, queue, batches, identity }) {
  const images = batches.reduce(
    (/** @type {number} */ sum, /** @type {any} */ same) => sum + same.images * same.batches,
    0,
  );
  const ms = batches.reduce(
    (/** @type {number} */ sum, /** @type {any} */ same) => sum + same.meanMs * same.batches,
    0,
  );
  const count = batches.reduce((/** @type {number} */ sum, /** @type {any} */ same) => sum + same.batches, 0);
  const fact = (/** @type {string} */ term, /** @type {string} */ value) =>
    make('div', {}, make('dt', {}, term), make('dd', {}, value));
  return make(
    'dl',
    { className: 'facts' },
    fact('Engine', `${engine} (${isa}, ${threads} thread${threads === 1 ? '' : 's'})`),
    fact('Weights that are zero', percent(sparsity)),
    fact('Image', `${imageSize} × ${imageSize}`),
    fact('Embedding', `${number(dimensions)} values`),
    fact('Images computed', number(images)),
    fact('An image takes', images === 0 ? '–' : `${number(ms / images)} ms`),
    fact('Images a batch', count === 0 ? '–' : number(images / count)),
    fact('Queue', `${number(queue.depth)} of ${number(queue.limit)}`),
    fact('Identity', identity.slice(0, 12)),
  );
}

/** @param {any} layers */
function totals({ microseconds, multiplyAdds, usefulMultiplyAdds, isa }) {
  const useful = `${short(usefulMultiplyAdds)} of ${short(multiplyAdds)} multiply-adds are useful`;
  return microseconds === null ? useful : `${useful}; ${number(microseconds)} µs an image on one thread (${isa})`;
}

/**
 * @param {any} backbone
 * @param {() => void} refresh
 */
function measureButton({ name, mayMeasure }, refresh) {
  const problem = problems.get(name);
  const measure = async () => {
    measuring.add(name);
    refresh();
    try {
      await post(`backbones/${name}/layers`, {});
      problems.delete(name);
    } catch (error) {
      problems.set(name, /** @type {Error} */ (error).message);
    }
    measuring.delete(name);
    refresh();
  };
  if (!mayMeasure)
    return make('p', { className: 'muted' }, 'Layers were not measured yet; a token with the scope admin may.');
  return make(
    'p',
    { className: 'inline' },
    make(
      'button',
      { type: 'button', disabled: measuring.has(name), 'data-key': `measure-${name}`, on: { click: measure } },
      measuring.has(name) ? 'Measuring…' : 'Measure the layers',
    ),
    make(
      'span',
      { className: problem === undefined ? 'muted' : 'bad' },
      problem ?? 'Runs the network 34 times, once and for all, in a process of its own at the lowest priority.',
    ),
  );
}

/** @param {any} report */
function layerTable({ layers, layerCount, problem }) {
  const most = Math.max(...layers.map((/** @type {any} */ { share }) => share ?? 0), 1e-9);
  const rows = layers.map((/** @type {any} */ layer) =>
    make(
      'tr',
      {},
      make('td', { className: 'name', title: visible(layer.name) }, visible(layer.name)),
      make('td', {}, visible(layer.operation)),
      make('td', {}, layer.kernel),
      make('td', { className: 'number' }, layer.output),
      make('td', { className: 'number' }, layer.weights === null ? '' : short(layer.weights)),
      make(
        'td',
        { className: 'number' },
        layer.sparsity === null ? '' : percent(layer.sparsity),
        layer.sparsity === null ? '' : bar(layer.sparsity, 'violet'),
      ),
      make(
        'td',
        { className: 'number' },
        layer.microseconds === null ? '–' : `${layer.microseconds.toFixed(1)} µs`,
        bar((layer.share ?? 0) / most),
      ),
    ),
  );
  const head = ['Layer', 'Operation', 'Kernel', 'Output', 'Weights', 'Zero', 'Time'];
  const title = `Layers${layerCount > layers.length ? `: the first ${layers.length} of ${layerCount}` : ''}`;
  return make(
    'div',
    {},
    problem !== null && make('p', { className: 'muted' }, visible(problem)),
    layers.length > 0 &&
      make(
        'div',
        { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': title, 'data-key': title },
        make(
          'table',
          {},
          make('caption', { className: 'visually-hidden' }, title),
          make(
            'thead',
            {},
            make(
              'tr',
              {},
              ...head.map((column, index) =>
                make('th', { scope: 'col', className: index < 3 ? '' : 'number' }, column),
              ),
            ),
          ),
          make('tbody', {}, ...rows),
        ),
      ),
  );
}
