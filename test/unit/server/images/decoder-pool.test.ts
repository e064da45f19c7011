import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { createDecoder } from '../../../../src/server/images/decode.js';
import { DecodeLine } from '../../../../src/server/images/decode-line.js';
import { DecodeRequest } from '../../../../src/server/images/decode-request.js';
import { DecoderPool } from '../../../../src/server/images/decoder-pool.js';
import { until } from '../../../support/until.js';

const CROP = { size: 8, resize: 8 };
const SETTINGS = { maxPixels: 50_000_000, timeout: 60_000, maxMemory: 2 ** 31, decoders: 2 };

const photo = (red: number) =>
  sharp({ create: { width: 32, height: 32, channels: 3, background: { r: red, g: 0, b: 0 } } })
    .png()
    .toBuffer();

/** A pool whose processes run `program` instead of libvips: frames come in as `image`, `answer(status, bytes)` goes back. */
function poolOf(program: string | undefined, settings: Partial<typeof SETTINGS> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-decoders-'));
  const entry = join(folder, 'entry.mjs');
  if (program !== undefined) writeFileSync(entry, FRAMES + program);
  const line = new DecodeLine();
  const log: string[] = [];
  const pool = new DecoderPool(line, { ...SETTINGS, ...settings, ...(program && { entry }) }, (text) => log.push(text));
  const decode = (images: readonly Uint8Array[], signal?: AbortSignal) => {
    const request = new DecodeRequest(images, CROP, { signal });
    line.add(request);
    pool.feed();
    return request.answer;
  };
  const close = async () => {
    await pool.close();
    rmSync(folder, { recursive: true });
  };
  return { pool, decode, log, close };
}

const FRAMES = `
import { readSync, writeSync } from 'node:fs';
const read = (length) => {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const count = readSync(3, bytes, at, length - at, null);
    if (count === 0) process.exit(0);
    at += count;
  }
  return bytes;
};
const answer = (status, payload) => {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(status, 0);
  head.writeUInt32LE(payload.length, 4);
  writeSync(3, Buffer.concat([head, payload]));
};
let count = 0;
const next = () => {
  const head = read(16);
  const shared = head.readUInt32LE(12) === 1;
  if (!shared) return read(head.readUInt32LE(0));
  const bytes = Buffer.alloc(head.readUInt32LE(0));
  readSync(4, bytes, 0, bytes.length, (count++ % 2) * 2 ** 21);
  return bytes;
};
const rgb = (value) => Buffer.alloc(8 * 8 * 3, value);
answer(0, Buffer.alloc(0));
`;

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended and is not waited for is none.
    const stat = `/proc/${pid}/stat`;
    return !existsSync(stat) || !/\) Z /.test(readFileSync(stat, 'utf8'));
  } catch {
    return false;
  }
}

test('images of many requests are answered each in its place, whoever decoded them', async () => {
  const decode = createDecoder({ maxBytes: 1e6, maxPixels: 1e6, decoders: 3 });
  const photos = await Promise.all(Array.from({ length: 24 }, (_, index) => photo(index * 10)));
  const answers = await Promise.all(
    [0, 1, 2, 3].map((request) => decode(photos.slice(request * 6, request * 6 + 6), CROP)),
  );
  answers.forEach((answer, request) => {
    for (let index = 0; index < 6; index++) assert.equal(answer[index * 192], (request * 6 + index) * 10);
  });
  assert.equal((await decode([], CROP)).length, 0);
  await decode.close();
  await assert.rejects(decode([photos[0]!], CROP), { code: 'closed' });
});

test('decoders that are killed in the middle are replaced, and their images decoded by others', async () => {
  const { pool, decode, log, close } = poolOf(undefined);
  const photos = await Promise.all(Array.from({ length: 8 }, (_, index) => photo(index)));
  const answers = Array.from({ length: 30 }, () => decode(photos));
  await answers[0];
  process.kill(pool.pids[0]!, 'SIGKILL');
  for (const rgb of await Promise.all(answers)) {
    for (let index = 0; index < photos.length; index++) assert.equal(rgb[index * 192], index);
  }
  await until('the death is told, and another one started', () => log.length === 1 && pool.pids.length === 2);
  assert.match(log[0]!, /a decoder process ended \(signal SIGKILL\); another one starts/);
  // An idle one too.
  process.kill(pool.pids[1]!, 'SIGKILL');
  await until('the second death is told', () => log.length === 2);
  assert.equal((await decode(photos.slice(3, 4)))[0], 3);
  await until('both run again', () => pool.pids.length === 2);
  const { pids } = pool;
  await close();
  assert.deepEqual(pids.filter(alive), []);
});

test('an image that ends its decoder is refused after a second try; those behind it are decoded', async () => {
  const program = `for (;;) { const image = next(); if (image[0] === 66) process.abort(); answer(1, rgb(image[0])); }`;
  const { decode, close } = poolOf(program, { decoders: 1 });
  const bad = decode([Buffer.from([66])]);
  const good = Array.from({ length: 5 }, (_, index) => decode([Buffer.from([index])]));
  await assert.rejects(bad, {
    code: 'undecodable_image',
    message: /the decoder ended on it, twice \(signal SIGABRT\)/,
  });
  (await Promise.all(good)).forEach((rgb, index) => {
    assert.equal(rgb[100], index);
  });
  await close();
});

test('an image that takes longer than its time is stopped, and only that one', async () => {
  const program = `for (;;) { const image = next(); if (image[0] === 66) for (;;); answer(1, rgb(image[0])); }`;
  const { decode, log, close } = poolOf(program, { decoders: 1, timeout: 3000 });
  const bad = decode([Buffer.from([1]), Buffer.from([66])]);
  const good = decode([Buffer.from([2]), Buffer.from([3])]);
  const message = /image 1 of 2 \(from 0\): decoding it took longer than 3 s \(images.timeout\)/;
  await assert.rejects(bad, { code: 'undecodable_image', message });
  assert.deepEqual([...(await good)].slice(191, 193), [2, 3]);
  assert.match(log[0]!, /stopped: of an image, decoding it took longer/);
  await close();
});

test('a decoder that answers what it was not asked is replaced', async () => {
  // The first image of each process is answered with too much.
  const program = `let first = true; for (;;) { const image = next(); answer(1, first && image[0] === 66 ? Buffer.alloc(9999) : rgb(7)); first = false; }`;
  const { decode, log, close } = poolOf(program, { decoders: 1 });
  await assert.rejects(
    decode([Buffer.from([66])]),
    /the decoder ended on it, twice \(it answered what it was not asked\)/,
  );
  assert.equal((await decode([Buffer.from([1])]))[0], 7);
  assert.equal(log.length, 2);
  await close();
});

test('a cancelled request is answered at once, and its images are not decoded', async () => {
  const program = `let decoded = 0; for (;;) { const image = next(); if (image[0] === 9) { answer(1, rgb(decoded)); continue; } decoded++; Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300); answer(1, rgb(1)); }`;
  const { decode, close } = poolOf(program, { decoders: 1 });
  const controller = new AbortController();
  const cancelled = decode(
    Array.from({ length: 50 }, () => Buffer.from([1])),
    controller.signal,
  );
  const other = decode([Buffer.from([2])]);
  setTimeout(() => controller.abort(), 50);
  await assert.rejects(cancelled, { code: 'cancelled' });
  await other;
  // How many were decoded in all: the few that the process held.
  const [count] = await decode([Buffer.from([9])]);
  assert.ok(count! <= 4, `${count} images were decoded`);
  await close();
});

test('when no decoder starts, who waits is told', async () => {
  const { decode, log, close } = poolOf('process.exit(3);', {
    decoders: 1,
  });
  const failing = poolOf(undefined, { decoders: 1, maxMemory: 2 ** 20 });
  await assert.rejects(failing.decode([await photo(1)]), { code: 'internal', message: /no decoder process starts/ });
  await failing.close();
  await assert.rejects(decode([await photo(1)]), { code: 'undecodable_image' });
  assert.match(log[0]!, /exit status 3/);
  await close();
});

test('a decoder that does not start again leaves the work to the others', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-broken-'));
  const broken = join(folder, 'broken');
  const program = `if (existsSync(${JSON.stringify(broken)})) process.exit(3); for (;;) answer(1, rgb(next()[0]));`;
  const { pool, decode, log, close } = poolOf(`import { existsSync } from 'node:fs';\n${program}`);
  const images = Array.from({ length: 8 }, () => Buffer.from([1]));
  await until('both run', async () => (await decode(images)) && pool.ready === 2);
  writeFileSync(broken, '');
  process.kill(pool.pids[0]!, 'SIGKILL');
  await until('its starts fail', () => log.filter((line) => /exit status 3/.test(line)).length >= 4);
  assert.equal((await decode([Buffer.from([5])]))[0], 5);
  rmSync(broken);
  await close();
  rmSync(folder, { recursive: true });
});

test('a decoder knows nothing of the environment, and ends with the process that started it', {
  skip: !existsSync('/proc'),
}, async () => {
  process.env.HEADWATER_SECRET_OF_TEST = 'secret';
  const { pool, decode, close } = poolOf(undefined, { decoders: 1 });
  await decode([await photo(1)]);
  const [pid] = pool.pids;
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
  assert.doesNotMatch(environment, /secret|PATH=\/usr/);
  assert.match(readFileSync(`/proc/${pid}/limits`, 'utf8'), /Max data size +2147483648/);
  // A stop of the whole service does not take decoders first.
  process.kill(pid!, 'SIGTERM');
  process.kill(pid!, 'SIGINT');
  assert.equal((await decode([await photo(2)]))[0], 2);
  assert.deepEqual(pool.pids, [pid]);
  await close();
  assert.ok(!alive(pid!));
  delete process.env.HEADWATER_SECRET_OF_TEST;
});

test('decoders end with a server that is killed', { skip: !existsSync('/proc') }, async () => {
  const entry = new URL('../../../../src/server/images/decode.js', import.meta.url).href;
  const program = `
    import { readFileSync } from 'node:fs';
    import { createDecoder } from ${JSON.stringify(entry)};
    const decode = createDecoder({ maxBytes: 1e6, maxPixels: 1e6, decoders: 2 });
    await decode([Buffer.from('${(await photo(1)).toString('base64')}', 'base64')], { size: 8, resize: 8 });
    console.log(readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'));
    setInterval(() => {}, 1000);`;
  const server = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  const pids = line.toString().trim().split(' ').map(Number);
  assert.ok(pids.length >= 1 && pids.every(alive), String(line));
  server.kill('SIGKILL');
  await until('the decoders are gone', () => !pids.some(alive));
});

test('a decoder whose memory is limited refuses what needs more, and goes on', {
  skip: !existsSync('/proc'),
}, async () => {
  const { decode, close } = poolOf(undefined, { decoders: 1, maxMemory: 400 * 2 ** 20, maxPixels: 400_000_000 });
  // Interlaced: all of it is held at once.
  const large = await sharp({ create: { width: 12_000, height: 12_000, channels: 3, background: '#000' } })
    .png({ progressive: true, compressionLevel: 1 })
    .toBuffer();
  await assert.rejects(decode([large]), { code: 'undecodable_image' });
  assert.equal((await decode([await photo(5)]))[0], 5);
  await close();
});
