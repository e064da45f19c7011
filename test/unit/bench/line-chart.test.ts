import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pictures } from '../../../bench/learn/pictures.js';
import type { PairResult } from '../../../bench/learn/results.js';
import { type Chart, lineChart, ticks } from '../../../bench/report/line-chart.js';

const line = { name: 'one', y: [0.2, 0.9, 0.9], light: '#111111', dark: '#eeeeee', width: 2 };
const chart: Chart = {
  title: 'Accuracy <of> "heads" & tails',
  xTitle: 'samples',
  yTitle: 'right',
  x: [0, 100, 200],
  lines: [line, { ...line, name: 'two', y: [0.5, 0.5, 0.5], dashes: '2 6' }],
};

/** The numbers of a path, in pairs. */
function pointsOf(svg: string, index: number): number[][] {
  const path = new RegExp(`line${index}"[^>]* d="M([^"h]*)"`).exec(svg)![1]!;
  return path.split('L').map((text) => text.split(' ').map(Number));
}

describe('a chart', () => {
  const svg = lineChart(chart);

  it('draws more to the right and upwards', () => {
    const [first, second, third] = pointsOf(svg, 0);
    assert.ok(first![0]! < second![0]! && second![0]! < third![0]!);
    assert.ok(first![1]! > second![1]!);
    assert.equal(second![1], third![1]);
    const [level] = pointsOf(svg, 1);
    assert.ok(level![1]! < first![1]! && level![1]! > second![1]!);
  });

  it('stays inside its frame, with its ticks', () => {
    for (const [x, y] of [...pointsOf(svg, 0), ...pointsOf(svg, 1)]) {
      assert.ok(x! >= 62 && x! <= 720 && y! >= 44 && y! <= 340, `${x} ${y}`);
    }
    for (const text of ['>20 %<', '>90 %<', '>200<', '>samples<', '>right<', '>one<', '>two<']) {
      assert.ok(svg.includes(text), text);
    }
  });

  it('has colours for light and for dark pages', () => {
    const [light, dark] = svg.split('prefers-color-scheme: dark');
    assert.match(light!, /\.line0 \{ stroke: #111111 \}/);
    assert.match(dark!, /\.line0 \{ stroke: #eeeeee \}/);
  });

  it('escapes what is written', () => {
    assert.ok(svg.includes('>Accuracy &lt;of&gt; &quot;heads&quot; &amp; tails<'));
    assert.ok(!svg.includes('<of>'));
  });

  it('is not drawn of nothing', () => {
    assert.throws(() => lineChart({ ...chart, x: [1] }), /2 lines with 1 points/);
    assert.throws(() => lineChart({ ...chart, lines: [] }), /0 lines/);
  });

  it('has round ticks that hold all values', () => {
    assert.deepEqual(ticks(0, 200, 8), [0, 50, 100, 150, 200]);
    assert.deepEqual(ticks(0.31, 0.88, 8), [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
    assert.deepEqual(ticks(0.5, 0.5, 8), [0, 1]);
  });
});

describe('pictures of bench:learn', () => {
  const pair = (set: string, backbone: string, samples: number[]): PairResult => ({
    ...{ set, backbone, title: set, samples: 100, classes: 2, folds: [] },
    curve: {
      window: 100,
      samples,
      lines: [
        { name: 'auto', accuracy: samples.map(() => 0.5) },
        { name: 'sgd', accuracy: samples.map(() => 0.4) },
      ],
    },
  });

  it('are one a set, of one backbone, where there is a curve', () => {
    const all = [
      pair('a', 'x', [100, 120]),
      pair('a', 'y', [100, 120]),
      pair('b', 'x', [100, 120]),
      pair('c', 'x', []),
    ];
    const made = pictures(all, 'x');
    assert.deepEqual(
      made.map(({ file }) => file),
      ['pictures/learning-a.svg', 'pictures/learning-b.svg'],
    );
    assert.ok(made[0]!.svg.includes('>sgd<') && made[0]!.svg.includes('>auto<') && !made[0]!.svg.includes('>rls<'));
  });
});
