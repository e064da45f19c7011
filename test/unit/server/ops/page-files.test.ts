import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { PageFiles } from '../../../../src/server/ops/page-files.js';
import { replaceUnsafe, shorten } from '../../../../src/server/text/unsafe.js';
import { hostileTexts } from '../../../support/hostile-text.js';
import { ROOT } from '../../../support/repository.js';

const PAGE = join(ROOT, 'src/server/page');
const files = new PageFiles();
const index = String(files.answer('/', undefined)?.body);
/** Addresses that the page names. */
const named = [...index.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => path as string);

test('every file that the page names is served, with its type, for ever, and zipped for who takes that', () => {
  assert.ok(named.length >= 5);
  for (const path of new Set(named)) {
    const plain = files.answer(path, undefined);
    const zipped = files.answer(path, 'br, gzip');
    assert.ok(plain && zipped, path);
    assert.match(plain.headers?.['cache-control'] ?? '', /immutable/);
    assert.equal(zipped.headers?.['content-encoding'], 'gzip');
    assert.deepEqual(gunzipSync(zipped.body as Buffer), plain.body);
  }
  assert.equal(
    files.answer('/', undefined)?.headers?.['cache-control'],
    undefined,
    'the page itself is always asked for',
  );
});

test('every module that a module imports is served beside it', () => {
  const folder = named.find((path) => path.endsWith('/app.js'))?.replace('app.js', '') ?? '';
  const seen = new Set<string>();
  const look = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = files.answer(`${folder}${name}`, undefined);
    assert.ok(file, `${name} is not served`);
    assert.match(file.type, /^text\/javascript/);
    for (const [, imported] of String(file.body).matchAll(/from '\.\/([^']+)'/g)) look(imported as string);
  };
  look('app.js');
  assert.ok(seen.size > 8);
});

test('nothing else is served, and nothing of the file system', () => {
  const folder = (named[0] ?? '').replace(/[^/]+$/, '');
  const others = ['tsconfig.json', '../../../package.json', '%2e%2e/http.ts', '', 'app.js/', 'constructor'];
  for (const name of others) assert.equal(files.answer(`${folder}${name}`, undefined), undefined, name);
  assert.equal(files.answer('/page/0000000000000000/app.js', undefined), undefined, 'of another version');
});

test('the page is strict: no script or style in it, no handlers, nothing of another host', () => {
  assert.doesNotMatch(index, /<script(?![^>]* src=)|<style|\son\w+=|style=|https?:\/\//);
  const policy = files.answer('/', undefined)?.headers?.['content-security-policy'] ?? '';
  assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/);
  for (const part of ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"]) {
    assert.ok(policy.includes(part), part);
  }
});

test('it is small: less than 60 KB go over the wire', () => {
  const folder = named.find((path) => path.endsWith('/app.js'))?.replace('app.js', '') ?? '';
  const names = [...readdirSync(PAGE), 'uPlot.js', 'uPlot.css'].filter((name) => /\.(js|css|svg)$/.test(name));
  const bytes = ['/', ...names.map((name) => `${folder}${name}`)].map(
    (path) => files.answer(path, 'gzip')?.body.length,
  );
  assert.ok(!bytes.includes(undefined), `a file of ${PAGE} is not served`);
  const sum = bytes.reduce<number>((total, length) => total + (length ?? 0), 0);
  assert.ok(sum < 60_000, `${sum} bytes`);
});

test('an installation without the page says so', (t) => {
  const empty = mkdtempSync(join(tmpdir(), 'headwater-page-'));
  t.after(() => rmSync(empty, { recursive: true }));
  assert.throws(() => new PageFiles(empty), /the live page: .*act-on-head\.js.*install headwater again/);
});

test('the page shows names as the terminal does: what is invisible is written out', async () => {
  const { visible } = (await import(pathToFileURL(join(PAGE, 'dom.js')).href)) as { visible(text: string): string };
  for (const [what, text] of Object.entries({
    ...hostileTexts,
    emoji: 'a \u{1f468}\u200d\u{1f469}\u200d\u{1f467} b',
  })) {
    if (what === 'a joiner inside a word') continue;
    const expected = replaceUnsafe(shorten(text, 161), (codePoint) => `\\u{${codePoint.toString(16)}}`);
    if (text.length < 160) assert.equal(visible(text), expected, what);
  }
  assert.ok(visible('x'.repeat(100_000)).length < 200);
});

test('both colour schemes have contrast: 4.5 for text', () => {
  const css = readFileSync(join(PAGE, 'style.css'), 'utf8');
  const blocks = [...css.matchAll(/:root \{([^}]+)\}/g)].map(([, body]) => variables(body as string));
  assert.equal(blocks.length, 2);
  for (const [at, colours] of blocks.entries()) {
    for (const text of ['text', 'muted', 'blue', 'orange', 'red', 'green', 'violet']) {
      for (const ground of ['card', 'page', 'soft']) {
        if (ground === 'soft' && !['text', 'muted', 'blue'].includes(text)) continue;
        const ratio = contrast(colours[text]!, colours[ground]!);
        assert.ok(ratio >= 4.5, `${['light', 'dark'][at]}: ${text} on ${ground}: ${ratio.toFixed(2)}`);
      }
    }
    assert.ok(contrast(colours['on-blue']!, colours.blue!) >= 4.5, 'buttons');
  }
});

const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
test('the types of the page hold', { skip: existsSync(compiler) ? false : 'no TypeScript compiler' }, () => {
  const run = spawnSync(process.execPath, [compiler, '-p', PAGE], { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stdout);
});

function variables(body: string): Record<string, string> {
  return Object.fromEntries([...body.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string) => {
    const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16) / 255);
    const [r, g, b_] = parts.map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * b_!;
  };
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high! + 0.05) / (low! + 0.05);
}
