import assert from 'node:assert/strict';
import { test } from 'node:test';
import { service as health } from 'grpc-health-check';
import { inference, learning } from '../../../../protos/index.js';
import { METHODS } from '../../../../src/server/security/methods.js';

test('every method of every service has an entry, and every entry a method', () => {
  const services = [inference.GRPCInferenceService.service, learning.LearningService.service, health];
  const paths = services.flatMap((service) => Object.values(service).map(({ path }) => path));
  assert.ok(paths.length > 30, `${paths.length} methods`);
  assert.deepEqual(
    paths.filter((path) => !METHODS.has(path)),
    [],
    'methods that nobody could call: say in methods.ts what they need',
  );
  const others = [...METHODS.keys()].filter((path) => !path.startsWith('/grpc.reflection.'));
  assert.deepEqual(
    others.filter((path) => !paths.includes(path)),
    [],
    'entries of methods that do not exist',
  );
});

test('only health is open to everyone, and what changes anything needs admin or label', () => {
  const open = [...METHODS].filter(([, need]) => need === 'health').map(([path]) => path.split('/').pop());
  assert.deepEqual(open.sort(), ['Check', 'List', 'ServerLive', 'ServerReady', 'Watch']);
  for (const [path, need] of METHODS) {
    if (!/Create|Delete|Rollback|Promote|Set|Rename|Export|Import|Load|Unload|Settings?$/.test(path)) continue;
    assert.deepEqual(need, ['admin'], path);
  }
});
