import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Layers, type LayersOptions } from '../../../../src/server/ops/engine/layers.js';
import type { LayersReport } from '../../../../src/server/ops/engine/messages.js';
import type { BackboneRegistry } from '../../../../src/server/repository/backbone-registry.js';
import { ROOT } from '../../../support/repository.js';

const REPORT = { layers: [], layerCount: 0, microseconds: 5 } as unknown as LayersReport;
const MODEL = join(ROOT, 'models/tiny_acdc90.onnx');

function registry(identity: string, depth = 0): BackboneRegistry {
  const backbone = { identity, info: { output: undefined } };
  return {
    describe: () => ({ entry: { image: { size: 96 } }, model: MODEL }),
    loaded: new Map([['tiny', { backbone, depth }]]),
    unavailable: () => undefined,
  } as unknown as BackboneRegistry;
}

const options = (more: Partial<LayersOptions>): LayersOptions => ({ isa: 'auto', busy: () => 0, ...more });

test('a network is measured once, also when two ask; one that took its place is measured anew', async () => {
  let runs = 0;
  const layers = new Layers(options({ measure: async () => ({ ...REPORT, microseconds: ++runs }) }));
  const both = await Promise.all([layers.measured(registry('a'), 'tiny'), layers.measured(registry('a'), 'tiny')]);
  assert.deepEqual(
    both.map(({ microseconds }) => microseconds),
    [1, 1],
  );
  assert.equal((await layers.measured(registry('a'), 'tiny')).microseconds, 1);
  assert.equal(layers.of('tiny', 'b'), undefined);
  assert.equal((await layers.measured(registry('b'), 'tiny')).microseconds, 2);
});

test('under load nothing is measured', async () => {
  const measure = async () => REPORT;
  const busy = new Layers(options({ measure, busy: () => 0.5 }));
  await assert.rejects(busy.measured(registry('a'), 'tiny'), { code: 'requests_full', message: /busy/ });
  await assert.rejects(new Layers(options({ measure })).measured(registry('a', 1), 'tiny'), { code: 'requests_full' });
});

test('a measurement that failed can be asked for again', async () => {
  let fails = true;
  const measure = async () => {
    if (fails) throw new Error('broken');
    return REPORT;
  };
  const layers = new Layers(options({ measure }));
  await assert.rejects(layers.measured(registry('a'), 'tiny'), /broken/);
  fails = false;
  assert.equal(await layers.measured(registry('a'), 'tiny'), REPORT);
});

test('the layers of a real network', { skip: existsSync(MODEL) ? false : 'no models/tiny_acdc90.onnx' }, async () => {
  const report = await new Layers(options({})).measured(registry('a'), 'tiny');
  assert.ok(report.layers.length > 10);
  assert.ok(report.sparsity > 0.85 && report.sparsity < 0.95, String(report.sparsity));
  const pruned = report.layers.filter(({ sparsity }) => sparsity !== null && sparsity > 0.8);
  assert.ok(pruned.length > 5, 'layers have their zeros');
  if (report.problem !== null) return;
  assert.ok(report.layers.every(({ microseconds }) => microseconds !== null && microseconds >= 0));
  const shares = report.layers.reduce((sum, { share }) => sum + share!, 0);
  assert.ok(shares > 0.9 && shares < 1.001, String(shares));
});

test('a network that cannot be measured is told of', async () => {
  const broken = { ...registry('a'), describe: () => ({ entry: { image: { size: 96 } }, model: '/nowhere.onnx' }) };
  const layers = new Layers(options({}));
  await assert.rejects(layers.measured(broken as unknown as BackboneRegistry, 'tiny'), {
    code: 'run_failed',
    message: /not measured: .*nowhere/,
  });
});
