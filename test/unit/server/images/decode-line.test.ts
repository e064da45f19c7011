import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeLine } from '../../../../src/server/images/decode-line.js';
import { type DecodeOptions, DecodeRequest } from '../../../../src/server/images/decode-request.js';

const CROP = { size: 2, resize: 2 };

/** A request of one image, or several, whose bytes say whose it is. */
function request(name: string, options: DecodeOptions & { images?: number } = {}): DecodeRequest {
  const { images = 1, ...rest } = options;
  const made = new DecodeRequest(Array<Buffer>(images).fill(Buffer.from(name)), CROP, rest);
  made.answer.catch(() => {});
  return made;
}

function fill(line: DecodeLine, requests: number, name: string, options: DecodeOptions = {}): DecodeRequest[] {
  return Array.from({ length: requests }, () => {
    const made = request(name, options);
    line.add(made);
    return made;
  });
}

/** Takes so many images, or all that there are. @returns whose they are */
function take(line: DecodeLine, count = Number.POSITIVE_INFINITY): string[] {
  const names: string[] = [];
  for (let task = line.next(); task !== undefined; task = line.next()) {
    names.push(Buffer.from(task.image).toString());
    if (names.length === count) break;
  }
  return names;
}

test('clients take turns, however many requests one of them has', () => {
  const line = new DecodeLine();
  fill(line, 230, 'a', { client: 'a' });
  fill(line, 2, 'b', { client: 'b' });
  fill(line, 1, 'c', { client: 'c' });
  assert.deepEqual(take(line, 6), ['a', 'b', 'c', 'a', 'b', 'a']);
});

test('within a client a request of hundreds does not hold up one of a few', () => {
  const line = new DecodeLine();
  line.add(request('large', { client: 'a', images: 100 }));
  fill(line, 1, 'small', { client: 'a' });
  assert.deepEqual(take(line, 3), ['large', 'small', 'large']);
});

test('inference goes before learning, which gets its share beside it and all when it is alone', () => {
  const line = new DecodeLine(0.1);
  fill(line, 256, 'label', { client: 'labels', priority: 'learning' });
  fill(line, 90, 'request', { client: 'a' });
  const names = take(line);
  assert.ok(names.indexOf('request') <= 1, `the first request is number ${names.indexOf('request')}`);
  const labels = names.slice(0, 50).filter((name) => name === 'label').length;
  assert.ok(labels >= 4 && labels <= 6, `${labels} labels among the first 50`);
  assert.equal(names.length, 346);
  const strict = new DecodeLine(0);
  fill(strict, 5, 'label', { client: 'labels', priority: 'learning' });
  fill(strict, 5, 'request', { client: 'a' });
  assert.deepEqual(take(strict, 6), [...Array<string>(5).fill('request'), 'label']);
});

test('a request whose deadline passes is told then and not decoded; one that is past is refused', async () => {
  const line = new DecodeLine();
  const soon = request('late', { client: 'a', deadlineMs: Date.now() + 20, images: 3 });
  line.add(soon);
  const past = request('late', { client: 'a', deadlineMs: Date.now() - 1 });
  line.add(past);
  fill(line, 1, 'good', { client: 'a' });
  // The line's own timer keeps no process alive.
  const alive = setTimeout(() => {}, 10_000);
  await assert.rejects(past.answer, { code: 'deadline_exceeded' });
  await assert.rejects(soon.answer, { code: 'deadline_exceeded' });
  clearTimeout(alive);
  assert.deepEqual(take(line), ['good']);
});

test('a request that is given up leaves the line, and nobody waits for its images', () => {
  const line = new DecodeLine();
  const controller = new AbortController();
  line.add(request('gone', { client: 'a', images: 50, signal: controller.signal }));
  take(line, 2);
  for (const one of fill(line, 10, 'other', { client: 'b' })) one.onDecoded?.(10);
  const before = line.expectedMs('c', 'inference', 20, 1);
  controller.abort();
  assert.ok(line.expectedMs('c', 'inference', 20, 1) < before);
  assert.deepEqual(take(line), Array<string>(10).fill('other'));
  assert.equal(line.expectedMs('c', 'inference', 20, 1), 0);
});

test('how long decoding will take follows from whose turn comes before, and from what images took', () => {
  const line = new DecodeLine(0.5);
  assert.equal(line.expectedMs('a', 'inference', 1, 1), 0);
  const [first] = fill(line, 40, 'b', { client: 'b' });
  assert.equal(line.expectedMs('a', 'inference', 1, 1), 0, 'nothing was measured');
  first!.onDecoded?.(10);
  assert.equal(line.expectedMs('a', 'inference', 2, 1), 40, 'two of b go before, and its own two');
  assert.equal(line.expectedMs('a', 'inference', 2, 2), 20);
  assert.equal(line.expectedMs('b', 'inference', 1, 1), 410, 'behind its own');
  fill(line, 3, 'label', { client: 'labels', priority: 'learning' });
  assert.equal(line.expectedMs('a', 'inference', 2, 1), 70, 'and what learning has of its share');
});
