import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { natsMissing } from '../support/nats.js';
import { ROOT } from '../support/repository.js';
import { startServer } from '../support/server-process.js';
import { temporaryFolder } from '../support/test-learning.js';

/** A Python that has grpcio, as Debian's python3-grpcio gives to /usr/bin/python3. */
function pythonWithGrpc(): string | undefined {
  return ['/usr/bin/python3', 'python3'].find((python) => {
    try {
      execFileSync(python, ['-c', 'import grpc, google.protobuf'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
}

const python = pythonWithGrpc();
const missing = python ? natsMissing() : 'no Python with grpcio (Debian: python3-grpcio)';

test('a Python client predicts, gives labels, watches them being learned, and streams', {
  skip: missing,
}, async (t) => {
  const server = await startServer(t);
  const folder = temporaryFolder(t);
  const photo = join(folder, 'photo.jpg');
  await sharp({ create: { width: 120, height: 160, channels: 3, background: '#7a4' } })
    .jpeg()
    .toFile(photo);

  const script = join(ROOT, 'test/e2e/python_client.py');
  const { stdout } = await promisify(execFile)(python as string, [script, server.grpc, photo], {
    timeout: 240_000,
  });
  const out = JSON.parse(stdout);
  assert.equal(out.ServerLive, true);
  assert.equal(out.ServerReady, true);
  assert.deepEqual(out.inputs, { image: 'BYTES', pixels: 'UINT8', input: 'FP32', embedding: 'FP32' });
  assert.deepEqual(out.outputs, { label: 'BYTES', probabilities: 'FP32', embedding: 'FP32' });
  assert.deepEqual(out.first, {
    id: 'python-1',
    outputs: [
      ['label', 'BYTES', [1]],
      ['probabilities', 'FP32', [1, 0]],
    ],
    recorded: true,
  });
  assert.equal(out.stored, 2);
  assert.deepEqual(out.classes, ['cat', 'dog']);
  assert.deepEqual(out.typed, [
    ['label', [1]],
    ['probabilities', [1, 2]],
  ]);
  assert.deepEqual(out.stream, ['stream-0', 'stream-1', 'stream-2', 'stream-3', 'stream-4']);
  assert.equal(out.unknown[0], 'NOT_FOUND');
  assert.match(out.unknown[1], /pets/);
});
