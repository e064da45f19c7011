// docs/logging.md lists the events that there are.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { ROOT } from '../../support/repository.js';

/** Where a line's event stands: as a field, or as an argument of what makes the line. */
const EVENTS = [
  /\bevent: '([a-z_]+)'/g,
  /\btell\(\s*(?:[^;]*?\? 'info' : 'warn'|[^;]*?\? 'warn' : 'info'|'info'|'warn'),\s*'([a-z_]+)'/g,
  /\btell\('(head_[a-z_]+)'/g,
  /\blogAct\?\.\('([a-z_]+)'/g,
  /\btimed\(log, '([a-z_]+)'/g,
];

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'page' || entry.name === 'commands' ? [] : sources(path);
    return entry.name.endsWith('.ts') && entry.name !== 'http.ts' ? [path] : [];
  });
}

it('docs/logging.md has a line for each event of the log, and for no other', () => {
  const used = new Set<string>();
  for (const path of [...sources(join(ROOT, 'src/server')), ...sources(join(ROOT, 'src/learner'))]) {
    const text = readFileSync(path, 'utf8');
    for (const pattern of EVENTS) for (const [, event] of text.matchAll(pattern)) used.add(event as string);
  }
  // A parameter's type, and names of events of emitters.
  for (const other of ['cancelled', 'error']) used.delete(other);
  const page = readFileSync(join(ROOT, 'docs', 'logging.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| `[a-z_]+`/.test(line));
  const first = rows.map((row) => row.split('|')[1] ?? '');
  const documented = new Set(
    first.flatMap((cell) => [...cell.matchAll(/`([a-z_]+)`/g)].map(([, event]) => event as string)),
  );
  for (const word of [
    'level',
    'time',
    'name',
    'msg',
    'event',
    'head',
    'model',
    'client',
    'err',
    'none',
    'errors',
    'all',
  ]) {
    documented.delete(word);
  }
  documented.add('request');
  assert.ok(used.size > 20, [...used].join(' '));
  assert.deepEqual([...used].sort(), [...documented].sort());
});
