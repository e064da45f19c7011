import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InferParameter__Output } from '../../../../protos/index.js';
import { addressed } from '../../../../src/server/inference/addressed.js';
import type { Models } from '../../../../src/server/inference/models.js';
import type { Caller } from '../../../../src/server/security/caller.js';

/** Knows two heads and their backbone, and what was looked up. */
function knownModels(): { models: Models; looked: string[] } {
  const looked: string[] = [];
  const batcher = { backbone: { name: 'tiny' } };
  const resolve = async (name: string, version: string) => {
    looked.push(`${name}@${version}`);
    const kind = name === 'tiny' ? 'backbone' : 'head';
    return { kind, batcher, spec: { kind, name, size: 4, dimensions: 3 } };
  };
  return { models: { resolve } as unknown as Models, looked };
}

const caller = (...allowed: string[]) =>
  ({
    client: 'c',
    may: (scope, model) => scope === 'infer' && model !== undefined && allowed.includes(model),
  }) as Caller;

const request = (modelName: string, heads?: string, modelVersion = '') => ({
  modelName,
  modelVersion,
  parameters: (heads === undefined ? {} : { heads: { stringParam: heads } }) as Record<string, InferParameter__Output>,
});

test('a token must allow each head that answers, before any is looked up', async () => {
  const { models, looked } = knownModels();
  const denied = { code: 'permission_denied' };
  await assert.rejects(addressed(request('pets'), models, caller('coats')), denied);
  await assert.rejects(addressed(request('pets', 'pets,coats'), models, caller('pets')), denied);
  await assert.rejects(addressed(request('tiny', 'pets,coats'), models, caller('tiny', 'pets')), denied);
  assert.deepEqual(looked, []);
});

test('a head says no more of its backbone than its own answers do, so a token for the heads is enough', async () => {
  const { models, looked } = knownModels();
  const asked = await addressed(request('tiny', 'pets,coats'), models, caller('pets', 'coats'));
  assert.deepEqual(
    [asked.heads.map(({ spec }) => spec.name), asked.names],
    [
      ['pets', 'coats'],
      ['pets', 'coats'],
    ],
  );
  assert.deepEqual([asked.spec.name, asked.spec.kind], ['tiny', 'head'], 'with the inputs of a head');
  assert.deepEqual(looked, ['pets@', 'coats@', 'tiny@']);
});

test('the version asked for is of the model named', async () => {
  const { models, looked } = knownModels();
  await addressed(request('coats', 'pets,coats', '7'), models, caller('pets', 'coats'));
  assert.deepEqual(looked, ['pets@', 'coats@7']);
});

test('another model than the heads and their backbone is refused without looking it up', async () => {
  const { models, looked } = knownModels();
  const refused = addressed(request('secret', 'pets'), models, caller('pets'));
  await assert.rejects(refused, {
    code: 'request_invalid',
    message: /one of them or their backbone "tiny", got "secret"/,
  });
  assert.deepEqual(looked, ['pets@']);
});
