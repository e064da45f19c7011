import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError, toServiceError } from '../../../../src/server/errors.js';
import { createLog } from '../../../../src/server/log.js';
import { Metrics } from '../../../../src/server/metrics/metrics.js';
import { Readiness } from '../../../../src/server/ops/readiness.js';
import { escapeForTerminal } from '../../../../src/server/terminal/escape.js';
import { InPlace } from '../../../../src/server/terminal/in-place.js';
import { Progress } from '../../../../src/server/terminal/progress.js';
import { escapeHtml } from '../../../../src/server/text/html.js';
import { printableJson } from '../../../../src/server/text/json.js';
import { FakeLearning } from '../../../support/fake-learning.js';
import { assertPrintable, hostileTexts, longText } from '../../../support/hostile-text.js';

const table = Object.entries(hostileTexts);

test('on a terminal: one line of visible text, the same when it is escaped again', () => {
  for (const [what, text] of table) {
    const shown = escapeForTerminal(text);
    assertPrintable(shown, what, '');
    assert.equal(escapeForTerminal(shown), shown, what);
    const parts = [...text].filter((character) => /[a-z0-9<>"'&]/.test(character)).join('');
    const kept = shown.replace(/\\u\{[0-9a-f]+\}/g, '').replace(/[^a-z0-9<>"'&]/g, '');
    assert.equal(kept, parts, `${what}: what can be seen is kept`);
  }
});

test('two names that look alike on a terminal are the same name', () => {
  const shown = table.map(([, text]) => escapeForTerminal(text));
  assert.equal(new Set(shown).size, table.length);
  assert.notEqual(escapeForTerminal('ca\u200dt'), escapeForTerminal('cat'));
});

test('text of any script stays as it is', () => {
  const ordinary = [
    'Löwenzahn',
    '猫',
    'קטה',
    'قطة',
    'می‌خواهم',
    'क्‍ष',
    'ශ්‍රී',
    '👩‍🚀',
    '👨‍👩‍👧',
    '❤️‍🔥',
    '1️⃣',
    '🇩🇪',
    'Å̈',
    'x²·π',
  ];
  for (const text of ordinary) {
    assert.equal(escapeForTerminal(text), text);
    assert.equal(escapeHtml(text), text);
    assert.equal(printableJson(text), JSON.stringify(text));
  }
});

test('JSON: one printable line, which means the same', () => {
  for (const [what, text] of table) {
    const value = { [text]: [text, { inner: text }] };
    const json = printableJson(value);
    assertPrintable(json, what, '');
    assert.deepEqual(JSON.parse(json), value, what);
    assert.equal(escapeForTerminal(json), json, what);
  }
});

test('HTML: nothing that a parser takes for markup, in an element and in an attribute', () => {
  for (const [what, text] of table) {
    const html = escapeHtml(text);
    assert.doesNotMatch(html, /[<>"'`]/, what);
    assert.doesNotMatch(html.replace(/&(?:amp|lt|gt|quot|#39|#96);/g, ''), /&/, what);
    assertPrintable(html, what, '');
    const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`' } as Record<string, string>;
    const decoded = html.replace(/&([^;]+);/g, (_, name: string) => entities[name] ?? '?');
    assert.equal(decoded, escapeForTerminal(text), `${what}: the reader sees what a terminal shows`);
  }
  assert.equal(escapeHtml('<a>', 2), '&lt;…');
  assert.equal(escapeHtml('&&', 2), '&amp;&amp;');
});

test('a long text costs no more than is shown of it', () => {
  assert.equal(escapeForTerminal(longText, 10), 'longlongl…');
  assert.equal(escapeHtml(longText, 10), 'longlongl…');
  assert.equal(escapeForTerminal('😀'.repeat(1_000_000), 3), '😀😀…');
  assert.equal(escapeForTerminal(longText).length, longText.length);
});

test('the log: a line of JSON each, whatever stands in it, and never longer than a page', () => {
  const lines: string[] = [];
  const log = createLog('info', { write: (line: string) => void lines.push(line) });
  for (const [what, text] of table) {
    lines.length = 0;
    log.info(text);
    log.info({ [text]: text, inner: { [text]: text } }, `about ${text}`);
    log.error({ err: new Error(text, { cause: new Error(text) }) }, text);
    log.child({ [text]: text }).warn(text);
    assert.equal(lines.length, 4, what);
    for (const line of lines) {
      assert.ok(line.endsWith('\n') && line.indexOf('\n') === line.length - 1, what);
      assertPrintable(line.slice(0, -1), what, '');
    }
    const [message, fields, failed] = lines.map((line) => JSON.parse(line));
    // printf's own characters are pino's.
    if (!text.includes('%')) assert.equal(message.msg, text, what);
    if (text !== '__proto__') assert.equal(fields[text], text, what);
    assert.equal(failed.err.message.split(':')[0], text.split(':')[0], what);
  }
  lines.length = 0;
  log.info({ field: longText, err: new Error(longText) }, longText);
  assert.equal(lines.length, 1);
  assert.ok(lines[0]!.length < 60_000, `${lines[0]!.length} characters`);
  assert.equal(JSON.parse(lines[0]!).level, 30);
});

test('progress and what is drawn in place obey nothing but our own sequences', () => {
  for (const isTTY of [true, false]) {
    for (const [what, text] of table) {
      const parts: string[] = [];
      const output = { isTTY, columns: 500, write: (part: string) => parts.push(part) };
      const progress = new Progress(text, output, () => Number.POSITIVE_INFINITY);
      progress.update({ done: 1, total: 2, detail: text });
      progress.message(text);
      progress.end({ done: 1, total: 2, detail: text });
      const block = new InPlace(output);
      block.draw([text, text]);
      block.draw([text]);
      const written = parts.join('');
      const rest = written.replaceAll('\r\u001b[2K', '').replaceAll('\u001b[2A', '');
      assertPrintable(rest, what);
      assert.equal(rest.split('\n').length - 1, isTTY ? 6 : 7, `${what}: ${JSON.stringify(written)}`);
    }
  }
});

test("metrics: a class's name is one label value, and makes no line or series of its own", async () => {
  const learning = new FakeLearning();
  const names = Object.values(hostileTexts);
  const head = { name: 'h', backbone: 'b', backboneIdentity: 'i', dimensions: 1, maxClasses: 99 };
  const fake = learning.heads.add({ ...head, classes: 'open', learner: {} as never });
  fake.statistics = { classes: names.map((name) => ({ name, samples: 9, recent: 9, recall: 0.5 })) };
  const metrics = new Metrics();
  metrics.learn(learning);
  const text = await metrics.text();
  const seen: string[] = [];
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#'))) {
    const match = /^([a-z_:][\w:]*)(?:\{((?:[a-z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)$/i.exec(line);
    assert.ok(match, line);
    if (match[1] !== 'headwater_class_recall') continue;
    const value = /class="((?:[^"\\]|\\.)*)"/.exec(match[2] ?? '')?.[1] ?? '';
    seen.push(value.replace(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped)));
  }
  assert.deepEqual(seen.sort(), [...names].sort());
});

test('reasons of not being ready are the values of their keys', () => {
  const readiness = new Readiness();
  for (const [what, text] of table) readiness.set(what, text);
  const parsed = JSON.parse(JSON.stringify({ ready: readiness.ready, waitingFor: readiness.reasons }));
  assert.deepEqual(parsed, { ready: false, waitingFor: hostileTexts });
});

test('an error that a client is told is one short line of well-formed text', () => {
  for (const [what, text] of table) {
    const told = toServiceError(new StatusError('request_invalid', `about ${text}`)).details;
    assertPrintable(told, what, '\u{fffd}');
    encodeURI(told);
  }
  for (let length = 990; length <= 1002; length++) {
    const told = toServiceError(new StatusError('class_unknown', 'x'.repeat(length) + '😀'.repeat(9))).details;
    assert.ok(told.isWellFormed() && [...told].length <= 1000, `${length}`);
    encodeURI(told);
  }
  assert.ok(toServiceError(new StatusError('request_invalid', longText)).details.length <= 1000);
});
