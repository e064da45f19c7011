import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineChart } from '../../../../src/server/terminal/chart.js';
import { escapeForTerminal } from '../../../../src/server/terminal/escape.js';
import { milliseconds, percent, quantile } from '../../../../src/server/terminal/numbers.js';
import { bar, Progress } from '../../../../src/server/terminal/progress.js';
import { displayWidth, formatTable } from '../../../../src/server/terminal/table.js';
import { wrapText } from '../../../../src/server/terminal/wrap.js';

test('escaping shows what could move the cursor, forge a line or turn text around', () => {
  assert.equal(escapeForTerminal('\x1b[2Jcat\r\n'), '\\u{1b}[2Jcat\\u{d}\\u{a}');
  assert.equal(escapeForTerminal('\u202egpj.tac\u2066\u200e'), '\\u{202e}gpj.tac\\u{2066}\\u{200e}');
  assert.equal(escapeForTerminal('\u009b31m\u2028\ud800'), '\\u{9b}31m\\u{2028}\\u{d800}');
});

test('escaping leaves ordinary text of any script alone', () => {
  for (const text of ['Löwenzahn', '猫', 'قطة', '👩‍🚀', 'a b*c>d/e']) assert.equal(escapeForTerminal(text), text);
});

test('escaping cuts by characters, before it makes them longer', () => {
  assert.equal(escapeForTerminal('😀😀😀😀', 3), '😀😀…');
  assert.equal(escapeForTerminal('\x01\x01\x01', 2), '\\u{1}…');
});

const chartOptions = { width: 12, height: 3, min: 0, max: 1, format: (value: number) => value.toFixed(0) };

test('a rising line goes from the bottom left to the top right', () => {
  const lines = lineChart([0, 1], chartOptions);
  assert.equal(lines.length, 3);
  assert.match(lines[0] ?? '', /^1 ┤ +[\u2801-\u28ff]+$/);
  assert.match(lines[2] ?? '', /^0 ┤[\u2801-\u28ff]+ *$/);
  // The middle line holds the middle of the line, and nothing at its ends.
  assert.match(lines[1] ?? '', /^ {2}│ +[\u2801-\u28ff]+$/);
});

test('a level line is drawn in one row, at the dot of its value', () => {
  // 3 lines of 4 dots: 1 is dot 0, 0 is dot 11; both columns of each character are set.
  assert.equal(lineChart([1, 1], chartOptions)[0], `1 ┤${'\u2809'.repeat(9)}`);
  assert.equal(lineChart([0, 0], chartOptions)[2], `0 ┤${'\u28c0'.repeat(9)}`);
});

test('values beyond the range stay at its edge, and what is not a number leaves a gap', () => {
  assert.equal(lineChart([7, 7], chartOptions)[0], `1 ┤${'\u2809'.repeat(9)}`);
  const gap = lineChart([1, 1, Number.NaN, Number.NaN, Number.NaN], chartOptions);
  assert.match(gap[0] ?? '', /^1 ┤[\u2801-\u28ff]{2,3}$/);
  assert.deepEqual(lineChart([], chartOptions), ['1 ┤', '  │', '0 ┤']);
});

test('a jump is drawn as a joined line: no row between is empty', () => {
  const lines = lineChart([0, 0, 0, 1, 1, 1], { ...chartOptions, height: 8, width: 30 });
  for (const line of lines) assert.match(line, /[\u2801-\u28ff]/);
});

test('a bar is filled to eighths of a character', () => {
  assert.equal(bar(0, 4), '    ');
  assert.equal(bar(1, 4), '████');
  assert.equal(bar(0.5, 4), '██  ');
  assert.equal(bar(1 / 32, 4), '▏   ');
  assert.equal(bar(7 / 32, 4), '▉   ');
  assert.equal(bar(3, 4), '████');
});

function recorder(isTTY: boolean) {
  const written: string[] = [];
  return { written, output: { isTTY, columns: 60, write: (text: string) => written.push(text) } };
}

test('progress is redrawn in place on a terminal, at most ten times a second', () => {
  const { written, output } = recorder(true);
  let now = 0;
  const progress = new Progress('feeding', output, () => now);
  for (now = 0; now < 1000; now += 10) progress.update({ done: now, total: 1000, detail: 'x' });
  assert.equal(written.length, 10);
  assert.ok(written.every((text) => text.startsWith('\r\x1b[2K') && !text.includes('\n') && text.length < 70));
  progress.end({ done: 1000, total: 1000, detail: 'x' });
  assert.equal(written.at(-1), '\n');
});

test('progress is a plain line every five seconds elsewhere', () => {
  const { written, output } = recorder(false);
  let now = 0;
  const progress = new Progress('feeding', output, () => now);
  for (now = 0; now <= 12_000; now += 100) progress.update({ done: now, total: 12_000, detail: 'x' });
  assert.deepEqual(written, ['feeding 5000/12000  x\n', 'feeding 10000/12000  x\n']);
});

test('tables align by what the terminal shows', () => {
  assert.equal(displayWidth('猫e\u0301'), 3);
  assert.deepEqual(
    formatTable(
      ['A', 'N'],
      [
        ['猫', '1'],
        ['abc', '100'],
      ],
      ['left', 'right'],
    ),
    ['A      N', '猫     1', 'abc  100'],
  );
});

test('numbers for people', () => {
  assert.equal(percent(0.8312), '83.1 %');
  assert.equal(percent(null), '-');
  assert.equal(milliseconds(0.4234), '0.42 ms');
  assert.equal(milliseconds(128.4), '128 ms');
  assert.equal(quantile([5, 1, 4, 2, 3], 0.5), 3);
  assert.equal(quantile([5, 1, 4, 2, 3], 0.99), 5);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('text is wrapped under its heading', () => {
  const lines = wrapText('Images', `${'word '.repeat(20)}${'x'.repeat(100)}`);
  assert.match(lines[0] ?? '', /^Images: {3}word/);
  assert.ok(lines.slice(0, -1).every((line) => line.length <= 78));
  assert.equal(lines.at(-1), `${' '.repeat(10)}${'x'.repeat(100)}`);
});
