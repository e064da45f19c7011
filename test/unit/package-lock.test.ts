// What `npm ci` on a bare machine needs of package-lock.json and .npmrc.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from '../support/repository.js';

interface LockEntry {
  readonly version?: string;
  readonly dependencies?: Record<string, string>;
  readonly optionalDependencies?: Record<string, string>;
}

const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, LockEntry>;
};

/** The entry that `name` resolves to for the package at `path`: in its own node_modules or in one further up. */
function resolveEntry(path: string, name: string): LockEntry | undefined {
  const own = lock.packages[`${path === '' ? '' : `${path}/`}node_modules/${name}`];
  if (own !== undefined || path === '') return own;
  return resolveEntry(path.slice(0, Math.max(0, path.lastIndexOf('node_modules/') - 1)), name);
}

describe('package-lock.json', () => {
  // npm leaves out the optional packages that a registry lacks, and then refuses its own lock file elsewhere (EUSAGE).
  it('has an entry for each dependency of each package, those of other platforms included', () => {
    let seen = 0;
    for (const [path, entry] of Object.entries(lock.packages)) {
      for (const name of Object.keys({ ...entry.dependencies, ...entry.optionalDependencies })) {
        assert.ok(resolveEntry(path, name)?.version, `${path || 'headwater'} needs ${name}, which has no entry`);
        seen++;
      }
    }
    assert.ok(seen > 100, `only ${seen} dependencies seen`);
  });

  it('agrees with package.json on the direct dependencies', () => {
    const own = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const root = lock.packages[''] as LockEntry & { devDependencies?: Record<string, string> };
    assert.deepEqual(root.dependencies, own.dependencies);
    assert.deepEqual(root.devDependencies, own.devDependencies);
  });
});

describe('.npmrc', () => {
  it("keeps packages' install scripts from running, onnxruntime-node's CUDA download among them", () => {
    assert.match(readFileSync(join(ROOT, '.npmrc'), 'utf8'), /^ignore-scripts=true$/m);
  });
});
