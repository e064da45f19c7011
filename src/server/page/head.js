// One head: its accuracy over time, its classes, what is confused, who competes, and its versions.
import { canAct, pinVersion, promoteCandidate, unpin } from './act-on-head.js';
import { Chart } from './charts.js';
import { bar, byId, fill, make, visible } from './dom.js';
import { eventsOf, marksOf } from './events.js';
import { clock, duration, number, percent } from './format.js';
import { History } from './history.js';
import { span } from './span.js';

const MOST_CLASSES = 10;
/** Columns of text; the others are numbers. */
const TEXTS = new Set(['Class', 'Is', 'Was taken for', 'Learner', 'Version', 'Made', '']);
const MOST_EVENTS = 8;
const MOST_PAIRS = 10;

const LINES = [
  { column: 'served1000', label: 'served (last 1000)', color: 'blue', width: 2.5 },
  { column: 'prequential1000', label: 'prequential (last 1000)', color: 'orange', width: 2.5 },
  { column: 'served100', label: 'served (last 100)', color: 'blue', width: 1, dash: [3, 3] },
  { column: 'prequential100', label: 'prequential (last 100)', color: 'orange', width: 1, dash: [3, 3] },
];

export class HeadView {
  /**
   * @param {string} name
   * @param {() => void} onAct told after something was changed
   */
  constructor(name, onAct) {
    this.name = name;
    this.onAct = onAct;
    this.history = new History();
    /** @type {'time' | 'samples'} */
    this.axis = 'time';
    this.allClasses = false;
    /** @type {any} */
    this.head = undefined;
    /** @type {number | undefined} */
    this.generation = undefined;
    this.parts = Object.fromEntries(
      ['title', 'facts', 'events', 'classes', 'pairs', 'candidates', 'versions'].map((part) => [part, make('div')]),
    );
    this.place = make('div', { className: 'chart tall' });
    const part = (/** @type {string} */ key) => /** @type {HTMLElement} */ (this.parts[key]);
    byId('head').replaceChildren(
      part('title'),
      part('facts'),
      this.axisChoice(),
      this.place,
      make(
        'div',
        { className: 'thirds' },
        part('classes'),
        make('div', { className: 'stack' }, part('pairs'), part('events')),
      ),
      make('div', { className: 'thirds' }, part('candidates'), part('versions')),
    );
    this.chart = this.makeChart();
  }

  close() {
    this.chart.close();
  }

  get since() {
    return this.history.since;
  }

  /** @param {any} head as GET /api/v1/heads/NAME answers */
  show(head) {
    if (this.generation !== head.generation) this.history.clear();
    this.generation = head.generation;
    this.head = head;
    this.history.add(head.history);
    this.draw();
    const part = (/** @type {string} */ key) => /** @type {HTMLElement} */ (this.parts[key]);
    fill(part('title'), titleOf(head, this.onAct));
    fill(part('facts'), factsOf(head));
    fill(part('events'), eventList(eventsOf(head, this.history)));
    fill(
      part('classes'),
      classTable(head, this.allClasses, () => this.toggleClasses()),
    );
    fill(part('pairs'), pairList(head));
    fill(part('candidates'), candidateTable(head, this.onAct));
    fill(part('versions'), versionTable(head, this.onAct));
  }

  toggleClasses() {
    this.allClasses = !this.allClasses;
    this.show({ ...this.head, history: null });
  }

  makeChart() {
    return new Chart(this.place, {
      label: `Accuracy of ${this.name}`,
      time: this.axis === 'time',
      range: accuracyRange,
      tick: (value) => `${Math.round(value * 100)} %`,
      steps: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
      lines: LINES.map((line) => ({ ...line, value: (/** @type {number} */ value) => percent(value) })),
    });
  }

  axisChoice() {
    const radio = (/** @type {'time' | 'samples'} */ value, /** @type {string} */ text) =>
      make(
        'label',
        {},
        make('input', {
          ...{ type: 'radio', name: 'axis', value, checked: value === 'time' },
          on: { change: () => this.changeAxis(value) },
        }),
        text,
      );
    return make(
      'div',
      { className: 'choices' },
      make('fieldset', {}, make('legend', {}, 'Over'), radio('time', 'time'), radio('samples', 'labels learned')),
    );
  }

  /** @param {'time' | 'samples'} axis */
  changeAxis(axis) {
    this.axis = axis;
    this.chart.close();
    this.chart = this.makeChart();
    this.draw();
  }

  draw() {
    const { head } = this;
    if (head === undefined) return;
    const history = this.history.last(span());
    const kept = this.axis === 'time' ? known(history) : growing(history.column('samples'));
    const pick = (/** @type {(number | null)[]} */ values) => kept.map((index) => values[index] ?? null);
    const xs = pick(this.axis === 'time' ? history.times : history.column('samples'));
    const summary = `Served ${percent(lastOf(history.column('served1000')))}, prequential ${percent(lastOf(history.column('prequential1000')))} over the last 1000 labels.`;
    const lines = LINES.map(({ column }) => pick(history.column(column)));
    this.chart.show(xs, lines, marksOf(head, this.history, this.axis), summary);
  }
}

/**
 * Indices of rows from the first one on that knows an accuracy.
 * @param {History} history
 */
function known(history) {
  const columns = LINES.map(({ column }) => history.column(column));
  const first = history.rows.findIndex((_, index) => columns.some((values) => (values[index] ?? null) !== null));
  return history.rows.map((_, index) => index).slice(Math.max(0, first));
}

/**
 * Indices of rows with more labels than all before: a chart's x must grow.
 * @param {(number | null)[]} samples
 */
function growing(samples) {
  let most = -1;
  return samples.flatMap((value, index) => {
    if (value === null || value <= most) return [];
    most = value;
    return [index];
  });
}

/** @param {(number | null)[]} values */
function lastOf(values) {
  return values.filter((value) => value !== null).at(-1);
}

/**
 * @param {number} low
 * @param {number} high
 * @returns {[number, number]}
 */
function accuracyRange(low, high) {
  const bottom = Math.max(0, Math.floor(low * 10 - 0.3) / 10);
  return [high - bottom < 0.1 ? Math.max(0, bottom - 0.1) : bottom, Math.min(1, Math.ceil(high * 10 + 0.3) / 10)];
}

/**
 * @param {any} head
 * @param {() => void} onAct
 */
function titleOf(head, onAct) {
  const { name, state, drift, pinned, servingVersion, natsConnected, may } = head;
  return make(
    'div',
    { className: 'title' },
    make('h3', { id: 'head-title' }, visible(name)),
    make(
      'span',
      { className: `tag ${state === 'ready' ? 'good' : 'bad'}` },
      visible(state === 'ready' ? 'ready' : state),
    ),
    make(
      'span',
      { className: `tag ${{ stable: 'good', warning: 'warn', drift: 'bad' }[/** @type {string} */ (drift.level)]}` },
      `drift: ${drift.level}`,
    ),
    pinned && make('span', { className: 'tag info' }, `pinned to version ${servingVersion}`),
    !natsConnected && make('span', { className: 'tag bad' }, 'NATS is away'),
    pinned &&
      may.admin &&
      make(
        'button',
        { type: 'button', 'data-key': 'unpin', on: { click: () => unpin(name, onAct) } },
        'Release the pin',
      ),
  );
}

/** @param {any} head */
function factsOf(head) {
  const { servedLabelled, servedCorrect, taughtBy, labelResults } = head;
  const window = (/** @type {any[]} */ all) => all.filter(({ count }) => count > 0).at(-1);
  const [served, prequential] = [window(head.servedAccuracy), window(head.prequentialAccuracy)];
  const of = (/** @type {any} */ found) =>
    found === undefined ? '–' : `${percent(found.accuracy)} of the last ${number(found.count)}`;
  const lost = (labelResults.unknown_id ?? 0) + (labelResults.late ?? 0) + (labelResults.invalid ?? 0);
  const fact = (/** @type {string} */ name, /** @type {string} */ value) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, value));
  return make(
    'dl',
    { className: 'facts' },
    fact('Served', of(served)),
    fact('Prequential', of(prequential)),
    fact('Ever served right', servedLabelled === 0 ? '–' : `${number(servedCorrect)} of ${number(servedLabelled)}`),
    fact('Labels learned', number(head.samples)),
    fact('Lag', head.lag === null || head.lag === undefined ? '–' : number(head.lag)),
    fact('Classes', `${number(head.classCount)}${head.open ? ', open' : ''}`),
    fact('Version', `${number(head.servingVersion)}${head.pinned ? ` (newest ${number(head.latestVersion)})` : ''}`),
    fact('Serves', `${head.champion}${head.serve === 'auto' ? '' : ', chosen'}`),
    fact('Calibration error', percent(head.calibrationError)),
    fact('Taught', taughtBy),
    lost > 0 ? fact('Labels not used', number(lost)) : make('div', { hidden: true }),
    fact('Backbone', visible(head.backbone)),
  );
}

/** @param {import('./events.js').Event[]} events */
function eventList(events) {
  return make(
    'div',
    {},
    make('h3', {}, 'What happened'),
    events.length === 0
      ? make('p', { className: 'muted' }, 'No drift, promotion or rollback yet.')
      : make(
          'ol',
          { className: 'events' },
          ...events
            .slice(0, MOST_EVENTS)
            .map(({ kind, timeMs, samples, text }) =>
              make(
                'li',
                {},
                timeMs === undefined
                  ? make('span', { className: 'muted' }, `at ${number(samples ?? 0)}`)
                  : make('time', {}, clock(timeMs)),
                make('span', {}, make('i', { className: kind, 'aria-hidden': 'true' }), visible(text)),
              ),
            ),
        ),
  );
}

/**
 * @param {any} head
 * @param {boolean} all
 * @param {() => void} toggle
 */
function classTable({ classes, classCount }, all, toggle) {
  const judged = classes.filter((/** @type {any} */ entry) => entry.recent > 0);
  judged.sort((/** @type {any} */ a, /** @type {any} */ b) => a.recall - b.recall || b.recent - a.recent);
  const shown = all ? judged : judged.slice(0, MOST_CLASSES);
  const rows = shown.map((/** @type {any} */ { name, recall, recent, samples }) =>
    make(
      'tr',
      {},
      make('td', { className: 'name', title: visible(name) }, make('bdi', {}, visible(name))),
      make('td', { className: 'number' }, percent(recall, 0), bar(recall)),
      make('td', { className: 'number' }, number(recent)),
      make('td', { className: 'number' }, number(samples)),
    ),
  );
  return make(
    'div',
    {},
    table(
      `Recall by class, worst first (${number(classCount)} classes)`,
      ['Class', 'Recall', 'Of late', 'In all'],
      rows,
      'No class was judged yet.',
    ),
    judged.length > MOST_CLASSES &&
      make(
        'p',
        { className: 'inline' },
        make(
          'button',
          { type: 'button', className: 'quiet', 'data-key': 'classes', on: { click: toggle } },
          all ? 'Fewer' : `All ${judged.length}`,
        ),
      ),
  );
}

/** @param {any} head */
function pairList({ confusions }) {
  const most = confusions[0]?.count ?? 1;
  const rows = confusions
    .slice(0, MOST_PAIRS)
    .map((/** @type {any} */ { label, predicted, count }) =>
      make(
        'tr',
        {},
        make('td', { className: 'name', title: visible(label) }, make('bdi', {}, visible(label))),
        make('td', { className: 'name', title: visible(predicted) }, make('bdi', {}, visible(predicted))),
        make('td', { className: 'number' }, number(count), bar(count / most, 'orange')),
      ),
    );
  return table('Most confused, of the last 1000', ['Is', 'Was taken for', 'Times'], rows, 'Nothing was confused.');
}

/**
 * @param {any} head
 * @param {() => void} onAct
 */
function candidateTable(head, onAct) {
  const { name, learners, champion, serve } = head;
  const rows = learners.map((/** @type {any} */ learner) => {
    const accuracy = learner.accuracy.filter((/** @type {any} */ entry) => entry.count > 0).at(-1)?.accuracy;
    return make(
      'tr',
      {},
      make('td', {}, learner.name, ' ', learner.name === champion && make('span', { className: 'tag good' }, 'serves')),
      make('td', { className: 'number' }, percent(accuracy), bar(accuracy ?? 0)),
      make('td', { className: 'number' }, learner.logLoss === 0 ? '–' : learner.logLoss.toFixed(3)),
      canAct(head) &&
        make(
          'td',
          { className: 'number' },
          serve === learner.name
            ? make(
                'button',
                {
                  type: 'button',
                  className: 'quiet',
                  'data-key': `auto-${learner.name}`,
                  on: { click: () => promoteCandidate(name, 'auto', onAct) },
                },
                'Let scores decide',
              )
            : make(
                'button',
                {
                  type: 'button',
                  className: 'quiet',
                  'aria-label': `Promote ${learner.name}`,
                  'data-key': `promote-${learner.name}`,
                  on: { click: () => promoteCandidate(name, learner.name, onAct) },
                },
                'Promote',
              ),
        ),
    );
  });
  const columns = ['Learner', 'Accuracy', 'Log loss', ...(canAct(head) ? [''] : [])];
  return table('Learners that compete', columns, rows, 'None yet.');
}

/**
 * @param {any} head
 * @param {() => void} onAct
 */
function versionTable(head, onAct) {
  const { name, versions, servingVersion, pinned, now } = head;
  const rows = versions.map((/** @type {any} */ entry) => {
    const serves = entry.version === servingVersion;
    return make(
      'tr',
      {},
      make('td', {}, number(entry.version)),
      make('td', { className: 'number less' }, number(entry.samples)),
      make(
        'td',
        {},
        make(
          'time',
          { dateTime: new Date(entry.createdAtMs).toISOString() },
          `${duration(now - entry.createdAtMs)} ago`,
        ),
      ),
      make('td', { className: 'number' }, percent(entry.accuracy)),
      make(
        'td',
        {},
        serves ? make('span', { className: `tag ${pinned ? 'info' : 'good'}` }, pinned ? 'pinned' : 'serves') : '',
      ),
      canAct(head) &&
        make(
          'td',
          { className: 'number' },
          !(serves && pinned) &&
            make(
              'button',
              {
                type: 'button',
                className: 'quiet',
                'aria-label': `${serves ? 'Pin' : 'Roll back to'} version ${entry.version}`,
                'data-key': `version-${entry.version}`,
                on: { click: () => pinVersion(name, entry.version, onAct) },
              },
              serves ? 'Pin' : 'Roll back',
            ),
        ),
    );
  });
  const columns = ['Version', 'Labels', 'Made', 'Accuracy', '', ...(canAct(head) ? [''] : [])];
  return table('Versions that can serve', columns, rows, 'None yet: it has learned nothing.');
}

/**
 * @param {string} title
 * @param {string[]} columns
 * @param {HTMLElement[]} rows
 * @param {string} nothing
 */
function table(title, columns, rows, nothing) {
  if (rows.length === 0) return make('div', {}, make('h3', {}, title), make('p', { className: 'muted' }, nothing));
  return make(
    'div',
    { className: 'scroll', tabIndex: 0, role: 'region', 'aria-label': title, 'data-key': title },
    make(
      'table',
      { className: columns.includes('') ? 'acts' : '' },
      make('caption', {}, title),
      make(
        'thead',
        {},
        make(
          'tr',
          {},
          ...columns.map((column) =>
            make(
              'th',
              { scope: 'col', className: `${TEXTS.has(column) ? '' : 'number'} ${column === 'Labels' ? 'less' : ''}` },
              column,
            ),
          ),
        ),
      ),
      make('tbody', {}, ...rows),
    ),
  );
}
