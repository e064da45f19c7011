import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ImageSettings } from '../../../src/engine/backbone.js';
import { backboneIdentity } from '../../../src/engine/identity.js';
import type { ModelSource } from '../../../src/engine/open-model.js';
import { tinyOptions } from './fixtures.js';

const source = (...bytes: number[]): ModelSource => ({ bytes: Uint8Array.from(bytes), externalData: undefined });
const model = source(1, 2, 3);
const image = tinyOptions.image;

test('the identity is a sha256 and does not depend on the order of keys', () => {
  const identity = backboneIdentity(model, 'features', image);
  assert.match(identity, /^[0-9a-f]{64}$/);
  const turned = Object.fromEntries(Object.entries(image).reverse()) as unknown as ImageSettings;
  assert.equal(backboneIdentity(source(1, 2, 3), 'features', turned), identity);
});

test('any change of model, output or image settings changes the identity', () => {
  const changed: [ModelSource, string, ImageSettings][] = [
    [model, 'features', image],
    [source(1, 2, 4), 'features', image],
    [source(1, 2), 'features', image],
    [{ ...model, externalData: 'aa' }, 'features', image],
    [{ ...model, externalData: 'ab' }, 'features', image],
    [model, 'feature', image],
    [model, 'features', { ...image, size: 97 }],
    [model, 'features', { ...image, resize: 111 }],
    [model, 'features', { ...image, channels: 'bgr' }],
    [model, 'features', { ...image, scale: 254 }],
    ...[0, 1, 2].map(
      (i) => [model, 'features', { ...image, mean: nudged(image.mean, i) }] as [ModelSource, string, ImageSettings],
    ),
    ...[0, 1, 2].map(
      (i) => [model, 'features', { ...image, std: nudged(image.std, i) }] as [ModelSource, string, ImageSettings],
    ),
  ];
  assert.equal(changed.length, 16);
  assert.equal(new Set(changed.map((parts) => backboneIdentity(...parts))).size, changed.length);
});

function nudged(values: readonly [number, number, number], at: number): [number, number, number] {
  return values.map((value, i) => (i === at ? value + 1e-9 : value)) as [number, number, number];
}

test('the identity of a model in one file stays what it was when heads were first stored', () => {
  // Worked out by the code of the first version.
  assert.equal(
    backboneIdentity(model, 'features', image),
    '62ddf3eeab1439a3a282a577b34c3484beef4bf8951900cd1d2212a0de415121',
  );
});
