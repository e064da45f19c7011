// The list of heads, and which of them is looked at: the address's #head=NAME.
import { byId, fill, make, visible } from './dom.js';
import { number, percent } from './format.js';

/** @returns {string | undefined} */
export function chosenHead() {
  return new URLSearchParams(location.hash.slice(1)).get('head') ?? undefined;
}

/**
 * @param {any} overview
 * @param {string | undefined} chosen
 */
export function showHeads({ heads, headCount }, chosen) {
  const list = byId('head-list');
  if (heads.length === 0) {
    fill(list, make('li', { className: 'card muted' }, 'No heads yet. ', make('code', {}, 'headwater heads create')));
    return;
  }
  const more = headCount - heads.length;
  fill(
    list,
    ...heads.map((/** @type {any} */ head) => make('li', {}, link(head, head.name === chosen))),
    more > 0 &&
      make('li', { className: 'muted' }, `and ${number(more)} more: `, make('code', {}, 'headwater heads list')),
  );
}

/**
 * @param {any} head
 * @param {boolean} current
 */
function link(head, current) {
  const { name, servedAccuracy, prequentialAccuracy, samples, classes, drift, pinned, servingVersion, state } = head;
  const accuracy = servedAccuracy ?? prequentialAccuracy;
  return make(
    'a',
    {
      href: `#head=${encodeURIComponent(name)}`,
      'aria-current': current ? 'true' : undefined,
      'data-key': `head-${name}`,
    },
    make('strong', {}, visible(name)),
    make(
      'span',
      { className: 'number', title: servedAccuracy === null ? 'prequential accuracy' : 'served accuracy' },
      percent(accuracy),
    ),
    make('span', { className: 'muted' }, `${number(samples)} labels, ${number(classes)} classes`),
    make(
      'span',
      { className: 'number' },
      state !== 'ready' && make('span', { className: 'tag bad' }, state === 'loading' ? 'loading' : 'not ready'),
      drift !== 'stable' && make('span', { className: `tag ${drift === 'drift' ? 'bad' : 'warn'}` }, drift),
      pinned
        ? make('span', { className: 'tag info' }, `pinned v${servingVersion}`)
        : make('span', { className: 'muted' }, servingVersion === 0 ? 'learns' : `v${servingVersion}`),
    ),
  );
}
