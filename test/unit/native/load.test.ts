import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { loadFrom, loadNative } from '../../../src/native/load.js';
import { addonFile, skip } from './addon.js';
import { NATIVE } from './build-program.js';

/** Calls `use` with the root of a clone whose addon is made by `make`. */
function withClone(make: (file: string) => void, use: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), 'headwater-addon-'));
  const file = join(root, 'src', 'native', 'build', 'Release', 'headwater.node');
  try {
    mkdirSync(dirname(file), { recursive: true });
    make(file);
    use(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function reasonIn(root: string | undefined): string {
  const loaded = loadFrom(root);
  assert.equal(loaded.kind, 'absent');
  return loaded.kind === 'absent' ? loaded.reason : '';
}

describe('the addon', () => {
  it('is absent with a reason that says what to do: not built', () => {
    withClone(
      () => {},
      (root) => {
        assert.match(
          reasonIn(root),
          /^the native addon is not built \(no .*headwater.node\): run `npm run setup`, which/,
        );
      },
    );
    assert.match(reasonIn(undefined), /^the native addon is not built/);
  });

  it('is absent with a reason that says what to do: broken, or built for something else', () => {
    const contents = ['', 'no library', '\x7fELF\x01\x01\x01'];
    for (const content of contents) {
      withClone(
        (file) => writeFileSync(file, content),
        (root) => {
          const reason = reasonIn(root);
          assert.match(
            reason,
            /^the native addon can't be loaded \(.+\): delete .*headwater.node and run `npm run setup`/,
          );
          assert.doesNotMatch(reason, /\n/);
        },
      );
    }
  });

  it('is absent when it was built from other sources than those beside it', { skip }, () => {
    const copySources = (root: string) =>
      cpSync(NATIVE, join(root, 'src', 'native'), {
        recursive: true,
        filter: (path) => path !== join(NATIVE, 'build'),
      });
    withClone(
      (file) => copyFileSync(addonFile, file),
      (root) => {
        copySources(root);
        assert.equal(loadFrom(root).kind, 'native');
        appendFileSync(join(root, 'src', 'native', 'kernels', 'pool.inl'), '// changed\n');
        assert.match(
          reasonIn(root),
          /^the native addon was built from other sources than .*: run `npm run setup`, which/,
        );
      },
    );
  });

  const full = process.env.HEADWATER_TEST_FULL === '1';
  it('is there when all is tested', { skip: !full && 'asked for by npm run test:full' }, () => {
    assert.equal(loadNative().kind, 'native', skip || undefined);
  });

  it('is found from the compiled files, and lists what the machine runs, the best first', { skip }, () => {
    const loaded = loadNative();
    assert.ok(loaded.kind === 'native');
    assert.equal(loaded.isas.at(-1), 'scalar');
    const order = ['avx512', 'avx2', 'neon', 'scalar'];
    assert.deepEqual(
      loaded.isas,
      order.filter((isa) => loaded.isas.some((found) => found === isa)),
    );
    withClone(
      (file) => copyFileSync(addonFile, file),
      (root) => assert.equal(loadFrom(root).kind, 'native'),
    );
  });
});
