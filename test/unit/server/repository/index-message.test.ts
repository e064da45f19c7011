import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError } from '../../../../src/engine/index.js';
import type { Heads } from '../../../../src/learner/index.js';
import { Batcher } from '../../../../src/server/batching/batcher.js';
import type { BackboneConfig } from '../../../../src/server/config/index.js';
import { Models } from '../../../../src/server/inference/models.js';
import { BackboneRegistry } from '../../../../src/server/repository/backbone-registry.js';
import { indexMessage } from '../../../../src/server/repository/index-message.js';
import { anyone, type Caller, type Scope } from '../../../../src/server/security/caller.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';

const never = new AbortController().signal;

/** Backbones "tiny", whose last load failed, and "secret"; a head "pets" of one that is not configured. */
async function setUp(): Promise<Models> {
  let failure: Error | undefined;
  const registry = new BackboneRegistry({
    open: async ({ name }) => {
      if (failure !== undefined) throw failure;
      return new FakeBackbone({ name });
    },
    front: (backbone) => new Batcher(backbone, { size: 4, waitMs: 0, queueLimit: 50 }),
    batching: () => ({ batchSize: 4, waitMs: 0 }),
    log: () => {},
  });
  for (const name of ['tiny', 'secret']) {
    await registry.start({ name, model: 'm', batch: {} } as unknown as BackboneConfig);
  }
  failure = new EngineError('model_unreadable', '/models/none.onnx: there is no such file');
  await assert.rejects(registry.load('tiny', { signal: never, accept: () => {} }));
  const status = {
    definition: { name: 'pets', backbone: 'gone', backboneIdentity: '', dimensions: 3, generation: '1' },
    servingVersion: 1,
    state: 'ready',
    versions: [],
  };
  const heads = {
    loaded: true,
    list: () => [status],
    status: (name: string) => (name === 'pets' ? status : undefined),
  };
  return new Models(registry, heads as unknown as Heads);
}

const holder = (models: readonly string[], scopes: readonly Scope[]): Caller => ({
  client: 'token',
  seesAll: false,
  may: (scope, model) => scopes.includes(scope) && (model === undefined || models.includes(model)),
});

test('why a model is not ready is told in full to its administrators only', async () => {
  const models = await setUp();
  const reasons = (caller: Caller) =>
    Object.fromEntries(indexMessage(models, false, caller).map(({ name, reason }) => [name, reason]));

  const everything = reasons(anyone('somebody'));
  assert.match(everything.tiny!, /the last load failed: \/models\/none\.onnx/);
  assert.match(everything.pets!, /tiny.*secret/);

  const user = reasons(holder(['tiny', 'pets'], ['infer', 'label']));
  assert.deepEqual(Object.keys(user).sort(), ['pets', 'tiny']);
  assert.equal(user.tiny, 'the last load failed');
  assert.match(user.pets!, /backbone "gone", which is not configured here$/);

  assert.match(reasons(holder(['tiny'], ['admin'])).tiny!, /none\.onnx/);
  assert.deepEqual(reasons(holder([], ['infer'])), {});
});

test('calls do not tell it either', async () => {
  const models = await setUp();
  await models.backbones.unload('tiny', never);
  await assert.rejects(models.backbones.load('tiny', { signal: never, accept: () => {} }));
  await assert.rejects(models.resolve('tiny', ''), (error: Error) => {
    assert.match(error.message, /not in service here: the last load failed$/);
    return true;
  });
});
