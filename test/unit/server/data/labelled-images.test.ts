import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { findInArchive } from '../../../../src/server/data/archive.js';
import { divide } from '../../../../src/server/data/holdout.js';
import { imageId } from '../../../../src/server/data/image-id.js';
import { parseImagePath } from '../../../../src/server/data/image-path.js';
import { DataError, type LabelledImage } from '../../../../src/server/data/labelled-image.js';
import { dataName, openLabelledImages } from '../../../../src/server/data/open.js';
import { labelImages } from '../../../../src/server/data/order.js';
import { shuffled } from '../../../../src/server/data/random.js';

const found = (...paths: string[]) => paths.map((path) => ({ path, read: () => Promise.resolve(Buffer.from(path)) }));
const labelled = (...paths: string[]): LabelledImage[] => labelImages(found(...paths), undefined).images;

async function temporaryFolder(t: { after(task: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'headwater-data-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

async function tarOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  return buffer(archive);
}

const FILES = {
  'set/train/cat/b.jpg': 'train b',
  'set/train/cat/a.JPEG': 'train a',
  'set/val/dog/a.png': 'val a',
  'set/train/cat/.hidden.jpg': 'no',
  'set/train/cat/._b.jpg': 'no',
  'set/train/cat/notes.txt': 'no',
  'set/.git/cat/x.jpg': 'no',
};

test('a folder and an archive of the same files give the same images in the same order', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, FILES);
  await writeFile(join(folder, 'set.tar'), await tarOf(FILES));
  await writeFile(join(folder, 'set2.tgz'), gzipSync(await tarOf(FILES)));
  const summary = async (path: string) => {
    const { images, skipped } = await openLabelledImages(path);
    const rows = await Promise.all(
      images.map(async ({ label, file, split, read }) => [label, file, split, String(await read())]),
    );
    return { rows, skipped };
  };
  const expected = [
    ['cat', 'a.JPEG', 'train', 'train a'],
    ['cat', 'b.jpg', 'train', 'train b'],
    ['dog', 'a.png', 'val', 'val a'],
  ];
  for (const path of ['set', 'set.tar', 'set2.tgz']) {
    assert.deepEqual(await summary(join(folder, path)), { rows: expected, skipped: 1 });
  }
});

test('a folder of images alone is one class; in an archive images outside of folders have none', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'cats/a.jpg': '1', 'cats/b.jpg': '2' });
  assert.deepEqual(
    (await openLabelledImages(join(folder, 'cats'))).images.map(({ label }) => label),
    ['cats', 'cats'],
  );
  await writeFile(join(folder, 'x.tar'), await tarOf({ 'a.jpg': '1', './cat/b.jpg': '2' }));
  const { images, skipped } = await openLabelledImages(join(folder, 'x.tar'));
  assert.deepEqual(
    images.map(({ label, file }) => [label, file]),
    [['cat', 'b.jpg']],
  );
  assert.equal(skipped, 1);
});

test('links are followed, a circle of them once', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFiles(folder, { 'real/one.jpg': '1' });
  await mkdir(join(folder, 'data/cat'), { recursive: true });
  await symlink(join(folder, 'real/one.jpg'), join(folder, 'data/cat/one.jpg'));
  await symlink(join(folder, 'data'), join(folder, 'data/cat/again'));
  await symlink(join(folder, 'nowhere'), join(folder, 'data/cat/broken.jpg'));
  const { images } = await openLabelledImages(join(folder, 'data'));
  assert.deepEqual(
    images.map(({ path }) => path),
    ['cat/one.jpg'],
  );
});

test('what is no data says so', async (t) => {
  const folder = await temporaryFolder(t);
  await mkdir(join(folder, 'empty'));
  await writeFile(join(folder, 'text.tar'), 'this is no archive');
  await writeFile(join(folder, 'cut.tar.gz'), gzipSync(await tarOf(FILES)).subarray(0, 60));
  await assert.rejects(openLabelledImages(join(folder, 'nothing')), /no folder or archive at/);
  await assert.rejects(openLabelledImages(join(folder, 'empty')), /no labelled images in/);
  for (const name of ['text.tar', 'cut.tar.gz']) {
    await assert.rejects(openLabelledImages(join(folder, name)), (error) => {
      assert.ok(error instanceof DataError, String(error));
      return true;
    });
  }
});

test('an archive beyond the limit is refused with the way out', async (t) => {
  const folder = await temporaryFolder(t);
  await writeFile(join(folder, 'x.tar'), await tarOf({ 'a/1.jpg': 'x'.repeat(600), 'a/2.jpg': 'x'.repeat(600) }));
  await assert.rejects(findInArchive(join(folder, 'x.tar'), 1000), /more than 1000 bytes.*unpack it/);
  assert.equal((await findInArchive(join(folder, 'x.tar'), 1200)).found.length, 2);
});

test('the class is the immediate parent in NFC; the nearest train, val or test above it is the split', () => {
  assert.deepEqual(parseImagePath('test/x/train/y/Lo\u0308we/1.jpg', undefined), {
    label: 'L\u00f6we',
    fileName: '1.jpg',
    split: 'train',
  });
  assert.equal(parseImagePath('val/1.jpg', undefined)?.split, undefined);
  assert.equal(parseImagePath('1.jpg', undefined), undefined);
});

test('names that cannot be used are refused, and shown harmless', () => {
  assert.throws(() => parseImagePath('a\x1b[2J/1.jpg', undefined), /a\\u\{1b\}\[2J\/1\.jpg has a control character/);
  assert.throws(() => parseImagePath('a/1\n.jpg', undefined), /control character/);
  assert.throws(() => parseImagePath(`${'é'.repeat(129)}/1.jpg`, undefined), /more than 128 characters/);
});

test('of images of one class and file name, train keeps the name and the others go by their path', () => {
  const images = labelled('a/test/cat/1.jpg', 'a/train/cat/1.jpg', 'a/train/dog/1.jpg');
  assert.deepEqual(
    images.map(({ file }) => file),
    ['a/test/cat/1.jpg', '1.jpg', '1.jpg'],
  );
});

test('names are ordered by bytes, not by locale', () => {
  const order = labelled('a/é.jpg', 'a/z.jpg', 'a/Z.jpg', 'a/10.jpg', 'a/9.jpg', 'a/\u{10000}.jpg', 'a/\uffee.jpg');
  assert.deepEqual(
    order.map(({ file }) => file),
    ['10.jpg', '9.jpg', 'Z.jpg', 'z.jpg', 'é.jpg', '\uffee.jpg', '\u{10000}.jpg'],
  );
});

test('a fraction holds out the last round(F n) images of each class by name', () => {
  const names = (prefix: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${prefix}/${index}.jpg`);
  const { fed, heldOut } = divide(labelled(...names('a', 5), ...names('b', 7), ...names('c', 2)), {
    kind: 'fraction',
    fraction: 0.2,
  });
  // round(1) = 1, round(1.4) = 1, round(0.4) = 0
  assert.deepEqual(
    heldOut.map(({ path }) => path),
    ['a/4.jpg', 'b/6.jpg'],
  );
  assert.equal(fed.length, 12);
  assert.equal(divide(labelled(...names('a', 25)), { kind: 'fraction', fraction: 0.2 }).heldOut.length, 5);
  assert.equal(divide(labelled(...names('a', 3)), { kind: 'fraction', fraction: 0.5 }).heldOut.length, 2);
});

test('split holds out val and test, and needs one of them', () => {
  const { fed, heldOut } = divide(labelled('train/a/1.jpg', 'val/a/2.jpg', 'test/a/3.jpg', 'a/4.jpg'), {
    kind: 'split',
  });
  assert.deepEqual(heldOut.map(({ file }) => file).sort(), ['2.jpg', '3.jpg']);
  assert.deepEqual(fed.map(({ file }) => file).sort(), ['1.jpg', '4.jpg']);
  assert.throws(() => divide(labelled('train/a/1.jpg'), { kind: 'split' }), /no folder val or test/);
});

test('a shuffle follows from its seed and keeps every item', () => {
  const items = Array.from({ length: 100 }, (_, index) => index);
  assert.deepEqual(shuffled(items, 1), shuffled(items, 1));
  assert.notDeepEqual(shuffled(items, 1), shuffled(items, 2));
  assert.notDeepEqual(shuffled(items, 1), items);
  assert.deepEqual(
    shuffled(items, 1).sort((left, right) => left - right),
    items,
  );
});

test('ids are run, class and file, 256 bytes at most', () => {
  const [image] = labelled('cat/1.jpg');
  assert.equal(imageId('run', image as LabelledImage), 'run:cat:1.jpg');
  const [long] = labelled(`cat/${'ä'.repeat(130)}.jpg`);
  assert.throws(() => imageId('run', long as LabelledImage), /272 bytes long/);
});

test('the name of data is its base name without archive endings', () => {
  assert.equal(dataName('/x/flowers.tar.gz'), 'flowers');
  assert.equal(dataName('x/flowers.TGZ'), 'flowers');
  assert.equal(dataName('photos.2024/'), 'photos.2024');
});
