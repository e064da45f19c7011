import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { loadFrom, loadNative } from '../../../src/native/load.js';
import { addonFile, skip } from './addon.js';

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
