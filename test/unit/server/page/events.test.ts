// What the page makes of a head's past: where in time something happened, and how rows are kept.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../../../support/repository.js';

interface History {
  rows: (number | null)[][];
  readonly since: number;
  add(news: { columns: string[]; rows: (number | null)[][] } | null): void;
  last(ms: number): History;
  column(name: string): (number | null)[];
}
interface Event {
  readonly kind: string;
  readonly samples?: number;
  readonly timeMs?: number;
  readonly text: string;
}
interface Mark {
  readonly at: number;
  readonly text: string;
  readonly foot?: boolean;
}

const module = async (name: string) => import(pathToFileURL(join(ROOT, 'src/server/page', name)).href);
const { History } = (await module('history.js')) as { History: new () => History };
const { eventsOf, marksOf } = (await module('events.js')) as {
  eventsOf(head: object, history: History): Event[];
  marksOf(head: object, history: History, axis: 'time' | 'samples'): Mark[];
};

const COLUMNS = ['samples', 'servingVersion', 'latestVersion'];
const HEAD = { drift: { history: [] }, promotions: [], versions: [] };

function history(...rows: number[][]): History {
  const made = new History();
  made.add({ columns: COLUMNS, rows });
  return made;
}

test('drift and promotions are placed when their labels were learned; the start is none', () => {
  const head = {
    ...HEAD,
    drift: { history: [{ level: 'drift', samples: 250, errorBefore: 0.1, errorAfter: 0.4 }] },
    promotions: [
      { from: 'sgd', to: 'blend', samples: 0, reason: 'nothing was judged yet' },
      { from: 'blend', to: 'slda', samples: 90, reason: 'log loss' },
    ],
  };
  const past = history([1000, 100, 1, 1], [2000, 200, 2, 2], [3000, 300, 3, 3]);
  const events = eventsOf(head, past);
  assert.deepEqual(
    events.map(({ kind, timeMs }) => [kind, timeMs]),
    [
      ['drift', 3000],
      ['promotion', undefined],
    ],
  );
  assert.match(events[0]!.text, /error 10 % → 40 %, at 250 labels/);
  const named = (axis: 'time' | 'samples') =>
    marksOf(head, past, axis)
      .filter(({ foot }) => !foot)
      .map(({ at }) => at);
  assert.deepEqual(named('time'), [3]);
  assert.deepEqual(named('samples'), [250, 90]);
});

test('a rollback and its end are told; versions that come one after the other are not', () => {
  const past = history(
    ...[
      [1000, 10, 1, 1],
      [2000, 20, 2, 2],
      [3000, 20, 1, 2],
      [4000, 30, 1, 3],
      [5000, 40, 1, 4],
      [6000, 50, 5, 5],
      [7000, 60, 6, 6],
    ],
  );
  const events = eventsOf(HEAD, past);
  assert.deepEqual(
    events.map(({ timeMs, text }) => [timeMs, text]),
    [
      [6000, 'version 5 serves again after 1'],
      [3000, 'rolled back from version 2 to 1'],
    ],
  );
  const feet = marksOf(HEAD, past, 'time').filter(({ foot }) => foot);
  assert.deepEqual(
    feet.map(({ at }) => at),
    [2, 4, 5, 6, 7],
  );
});

test('rows are continued, never twice, and asked for anew when there are many', () => {
  const kept = history([1000, 1, 1, 1], [2000, 2, 1, 1]);
  assert.equal(kept.since, 2000);
  kept.add({
    columns: COLUMNS,
    rows: [
      [2000, 2, 1, 1],
      [3000, 3, 1, 1],
    ],
  });
  assert.deepEqual(kept.column('samples'), [1, 2, 3]);
  assert.deepEqual(kept.last(1000).column('samples'), [2, 3]);
  kept.add(null);
  assert.equal(kept.rows.length, 3);
  const many = Array.from({ length: 3000 }, (_, at) => [4000 + at, at, 1, 1]);
  kept.add({ columns: COLUMNS, rows: many });
  assert.equal(kept.since, 0);
  kept.add({ columns: COLUMNS, rows: [[9000, 1, 1, 1]] });
  assert.equal(kept.rows.length, 1);
});
