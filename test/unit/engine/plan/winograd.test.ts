import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packWinograd, winogradShape, winogradTables } from '../../../../src/engine/plan/winograd.js';

for (const taps of [2, 3, 4]) {
  test(`F(4, ${taps}): transformed inputs times transformed weights, transformed back, are the convolution`, () => {
    const { points, input, kernel, output } = winogradTables(taps);
    assert.equal(points, taps + 3);
    for (let tap = 0; tap < taps; tap++) {
      for (let place = 0; place < points; place++) {
        // A weight of 1 at one tap and an input of 1 at one place: everything else follows, since all is linear.
        for (let column = 0; column < 4; column++) {
          let sum = 0;
          for (let point = 0; point < points; point++) {
            sum += output[column * points + point]! * kernel[point * taps + tap]! * input[point * points + place]!;
          }
          const expected = place === column + tap ? 1 : 0;
          assert.ok(Math.abs(sum - expected) < 1e-6, `tap ${tap}, place ${place}, column ${column}: ${sum}`);
        }
      }
    }
  });
}

test('a 7x7 convolution of stride 2 falls into two phases of four taps, which halves its products', () => {
  assert.deepEqual(winogradShape(7, 2, 28), { phases: 2, taps: 4, groups: 7, gain: 2 });
});

test('columns that do not fill the last group count as lost', () => {
  assert.equal(winogradShape(3, 1, 4)!.gain, 2);
  assert.equal(winogradShape(3, 1, 5)!.gain, 1.25);
});

test('one tap, and more taps than there are tables for', () => {
  assert.equal(winogradShape(1, 1, 28), undefined);
  assert.equal(winogradShape(2, 2, 28), undefined);
  assert.equal(winogradShape(11, 2, 28), undefined);
});

test('packed weights: four filters side by side, those that do not exist zero, phases beside each other', () => {
  const [filters, channels, height, width] = [5, 2, 3, 3];
  const weights = Float32Array.from({ length: filters * channels * height * width }, (_, i) => 1 + (i % 17));
  const shape = winogradShape(width, 2, 8)!;
  const tables = winogradTables(shape.taps);
  const packed = packWinograd(weights, [filters, channels, height, width], shape, tables);
  assert.equal(packed.length, 8 * tables.points * height * channels * 2);
  const at = (filter: number, point: number, row: number, channel: number, phase: number) =>
    packed[
      ((((Math.floor(filter / 4) * tables.points + point) * height + row) * channels + channel) * 2 + phase) * 4 +
        (filter % 4)
    ]!;
  for (let filter = 0; filter < 8; filter++) {
    for (let point = 0; point < tables.points; point++) {
      // Of three columns the even phase has two taps, the odd one has one.
      const weight = (column: number) =>
        filter < filters ? weights[((filter * channels + 1) * height + 2) * width + column]! : 0;
      const transform = (tap: number) => tables.kernel[point * shape.taps + tap]!;
      const even = transform(0) * weight(0) + transform(1) * weight(2);
      assert.ok(Math.abs(at(filter, point, 2, 1, 0) - even) < 1e-4);
      assert.ok(Math.abs(at(filter, point, 2, 1, 1) - transform(0) * weight(1)) < 1e-4);
    }
  }
});
