import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { heapMegabytes, planInThread } from '../../../../src/engine/sparse/planning-thread.js';
import { tinyOptions } from '../fixtures.js';
import { buildModel, classifierSpec } from '../synthetic.js';

const noLog = () => assert.fail('told something');

test('a model is planned without a word', async () => {
  const reply = await planInThread(tinyOptions, noLog, { tellAfterMs: 60_000 });
  assert.ok(reply.kind === 'planned', JSON.stringify(reply));
  assert.equal(reply.plan.output.length, 256);
});

test('that planning takes long is told once, with the size of the file', async () => {
  const lines: string[] = [];
  const reply = await planInThread(tinyOptions, (line) => lines.push(line), { tellAfterMs: 0 });
  assert.equal(reply.kind, 'planned');
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^backbone tiny: planning \S*tiny_acdc90\.onnx \(11\.1 MB\) takes long$/);
});

test('a signal ends planning, or keeps it from starting', async () => {
  const running = new AbortController();
  const planned = planInThread({ ...tinyOptions, signal: running.signal }, noLog);
  // The thread is not up yet, or has hardly begun.
  setTimeout(() => running.abort(), 20);
  const stopped = { code: 'closed', message: 'backbone tiny: loading was stopped' };
  await assert.rejects(planned, stopped);
  await assert.rejects(planInThread({ ...tinyOptions, signal: AbortSignal.abort() }, noLog), stopped);
});

test("a file that is missing is the thread's to tell", async () => {
  const reply = await planInThread({ ...tinyOptions, model: '/nowhere/model.onnx' }, noLog);
  assert.ok(reply.kind === 'failed' && reply.code === 'model_unreadable', JSON.stringify(reply));
});

test('a graph of more objects than the thread may have ends the thread, not the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-planning-'));
  try {
    const spec = classifierSpec('Gemm', ['scores']);
    // A chain of nodes before the network: small in the file, large as objects.
    const chain = Array.from({ length: 40_000 }, (_, at) => ({
      op: 'Relu',
      inputs: [at === 0 ? 'image' : `r${at}`],
      outputs: [`r${at + 1}`],
    }));
    spec.nodes = [
      ...chain,
      ...spec.nodes.map((node) => ({
        ...node,
        inputs: node.inputs.map((name) => (name === 'image' ? 'r40000' : name)),
      })),
    ];
    const model = join(folder, 'chain.onnx');
    writeFileSync(model, buildModel(spec));
    const options = { ...tinyOptions, model, image: { ...tinyOptions.image, size: 8 } };
    const reply = await planInThread(options, () => {}, { heapMegabytes: 16 });
    assert.ok(reply.kind === 'unsupported', JSON.stringify(reply).slice(0, 200));
    assert.match(reply.reason, /planning thread died .*memory/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('the limit grows with the file', () => {
  assert.equal(heapMegabytes(0), 256);
  assert.equal(heapMegabytes(100 * 2 ** 20), 656);
});
