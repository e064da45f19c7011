import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chartSvg, ticks } from '../../../loadtest/report/chart.js';
import { replaceSection, sectionText } from '../../../loadtest/report/document.js';
import { reportPage } from '../../../loadtest/report/page.js';
import { brokenPromises, type Report } from '../../../loadtest/report/report.js';
import { countOf, phaseOf, repeated, resultOf } from './results.js';

const HOSTILE = `</title><script>alert('x')</script><img src=x onerror="alert(1)">&`;

/** A report with the same text wherever a text can be. */
function reportOf(text: string): Report {
  const count = countOf({ name: text, latencies: repeated(20, 50), refused: 3, seconds: 5 });
  const load = resultOf(
    [phaseOf(text, [count], { target: text }), phaseOf('next', [count], { target: 'Headwater', start: 6 })],
    {
      capacities: { [text]: 10 },
    },
  );
  const capacity = {
    ...{ model: text, engine: text, batch: 8, threads: 1 },
    rounds: [
      {
        'headwater-pixels': 1,
        'bare-pixels': 1,
        'baseline-pixels': 1,
        'single-pixels': 1,
        'headwater-image': 1,
        'bare-image': 1,
        'baseline-image': 1,
      },
    ],
  };
  const setting = {
    ...{ model: text, engine: text, batch: 8, threads: 1, input: text, photos: text, pinning: text },
    ...{ seed: 1, scale: 0.5 },
  };
  const verdicts = [
    { promise: text, kept: true, measured: text },
    { promise: 'another', kept: false, measured: 'too much' },
  ];
  const machine = {
    ...{ date: text, cpu: text, cores: 2, memoryGiB: 4, system: text, node: text, commit: text },
    loadBefore: 0.5,
  };
  const common = { about: text, setting, verdicts };
  return {
    command: text,
    machine,
    entries: [
      { ...common, scenario: text, load },
      { ...common, scenario: 'capacity', capacity },
    ],
  };
}

test('the page escapes every text, and asks nothing of other hosts', () => {
  const page = reportPage(reportOf(HOSTILE));
  assert.doesNotMatch(page, /<script|<img|onerror="/);
  assert.match(page, /&lt;script&gt;alert\(&#39;x&#39;\)/);
  assert.doesNotMatch(reportPage(reportOf('plain')), /(src|href)=|https?:\/\//);
  assert.match(page, /default-src 'none'/);
  assert.match(page, /prefers-color-scheme: dark/);
});

test('the page has a chart of everything that was measured', () => {
  const page = reportPage(reportOf('plain'));
  for (const title of [
    'Latency',
    'Throughput',
    'Not answered',
    'Queue',
    'Event-loop delay',
    'Memory',
    'Distribution',
  ]) {
    assert.ok(page.includes(`aria-label="${title}`), `no chart ${title}`);
  }
  assert.match(page, /class="kept"/);
  assert.match(page, /class="broken"/);
  assert.doesNotMatch(page, /NaN|undefined|Infinity/);
});

test('a chart without numbers says so, one with gaps is drawn in pieces', () => {
  const chart = { title: 'T', unit: 'ms', xTitle: 'seconds' };
  assert.match(chartSvg({ ...chart, lines: [{ name: 'a', points: [[0, Number.NaN]] }] }), /not measured/);
  const points = [
    [0, 1],
    [1, 2],
    [2, Number.NaN],
    [3, 1],
    [4, 2],
  ] as const;
  const drawn = /class="line c0" d="([^"]*L[^"]*)"/.exec(chartSvg({ ...chart, lines: [{ name: 'a', points }] }))?.[1];
  assert.equal(drawn?.match(/M/g)?.length, 2);
});

test('an axis begins at 0 and goes far enough', () => {
  for (const high of [0.004, 1, 7.3, 99, 1234]) {
    const all = ticks(high, 5);
    assert.equal(all[0], 0);
    assert.ok(all.at(-1)! >= high * 0.999 && all.at(-1)! <= high * 2, `${high}: ${all}`);
    assert.ok(all.length <= 8);
  }
});

test('broken promises are named with their scenario', () => {
  assert.deepEqual(brokenPromises(reportOf('steady')).length, 2);
  assert.match(brokenPromises(reportOf('steady'))[0]!, /^steady \(steady, steady\): another: too much$/);
});

test("a scenario's table stands between its markers, and nothing else changes", () => {
  const page = 'a\n<!-- loadtest:x -->\nold\n<!-- /loadtest:x -->\nb\n';
  assert.equal(replaceSection(page, 'x', 'new'), 'a\n<!-- loadtest:x -->\nnew\n<!-- /loadtest:x -->\nb\n');
  assert.throws(() => replaceSection(page, 'y', 'new'), /loadtest:y/);
  const report = reportOf('a | b <script>');
  const text = sectionText(report, report.entries.slice(0, 1));
  assert.match(text, /a \\\| b &lt;script>/);
  assert.match(text, /\| another \| too much \| broken \|/);
});
