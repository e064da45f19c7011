import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { configKeys } from '../../../src/server/config/index.js';
import { ROOT as root } from '../../support/repository.js';

// Whoever follows a message's advice and writes a key that does not exist can't start any more: unknown keys are errors.

const keys = configKeys.map(({ path }) => path);
const sections = [...new Set(keys.filter((path) => /^\w+\.[a-z]/.test(path)).map((path) => path.split('.')[0]!))];
/** `training.keepFor`, but no part of a path, a file's name or an address. */
const NAMED = new RegExp(`(?<![\\w./-])(?:${sections.join('|')})(?:\\.[a-zA-Z]+)+(?![\\w(/-])`, 'g');
const FILE = /\.(js|log|ts|json|md|yaml|proto|io|com|test)$/;

function filesBelow(folder: string, ending: string): string[] {
  const entries = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return entries.filter((name) => name.endsWith(ending)).map((name) => join(root, folder, name));
}

/** What stands between quotes, without the expressions in it. */
function textsOf(source: string): string[] {
  const code = source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
  const literals = code.match(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g) ?? [];
  return literals.map((text) => text.replace(/\$\{[^}]*\}/g, '_'));
}

function namedKeys(text: string): string[] {
  return (text.match(NAMED) ?? []).filter((name) => !FILE.test(name));
}

/** A key, or a section of keys. */
function exists(name: string): boolean {
  return keys.some((path) => path === name || path.startsWith(`${name}.`));
}

test('every key that a message names exists', () => {
  const named = filesBelow('src', '.ts').flatMap((file) =>
    textsOf(readFileSync(file, 'utf8')).flatMap((text) =>
      namedKeys(text).map((name) => ({ file: relative(root, file), name })),
    ),
  );
  assert.ok(named.length > 20, `${named.length} found`);
  assert.deepEqual(
    named.filter(({ name }) => !exists(name)),
    [],
  );
});

test('every key that the documentation names exists', () => {
  const pages = [...filesBelow('docs', '.md'), join(root, 'README.md')];
  const named = pages.flatMap((file) =>
    (readFileSync(file, 'utf8').match(/`[^`\n]+`/g) ?? []).flatMap((text) =>
      namedKeys(text).map((name) => ({ file: relative(root, file), name })),
    ),
  );
  assert.ok(named.length > 20, `${named.length} found`);
  assert.deepEqual(
    named.filter(({ name }) => !exists(name)),
    [],
  );
});
