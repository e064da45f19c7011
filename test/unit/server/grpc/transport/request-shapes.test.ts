import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inference } from '../../../../../protos/index.js';
import { decodedSize, type MessageShape } from '../../../../../src/server/grpc/transport/decoded-size.js';
import { requestShapes } from '../../../../../src/server/grpc/transport/request-shapes.js';

test('the messages within every request are known: a request of one that is not would be refused', () => {
  const seen = new Set<MessageShape>();
  const look = (shape: MessageShape, path: string) => {
    if (seen.has(shape)) return;
    seen.add(shape);
    for (const [number, field] of shape) {
      if (field.kind !== 'message') continue;
      assert.ok(field.shape, `${path}: field ${number}`);
      look(field.shape, `${path}.${number}`);
    }
  };
  const shapes = requestShapes();
  for (const [path, shape] of shapes) look(shape, path);
  assert.ok(seen.size > 30, `${seen.size} messages`);

  const { path, requestSerialize } = inference.GRPCInferenceService.service.TraceSetting;
  const bytes = requestSerialize({ settings: { trace_level: { value: ['TIMESTAMPS'] } } });
  assert.ok((decodedSize(bytes, shapes.get(path)!, 1e6) ?? 0) > 0);
});
