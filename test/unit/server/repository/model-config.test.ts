import assert from 'node:assert/strict';
import { test } from 'node:test';
import descriptor from 'protobufjs/ext/descriptor/index.js';
import { reflectionDefinition } from '../../../../protos/index.js';
import { modelConfig } from '../../../../src/server/repository/model-config.js';
import { FakeBackbone } from '../../../support/fake-backbone.js';

const backbone = new FakeBackbone({ size: 8, dimensions: 5 });
const facts = {
  backbone,
  model: '/models/a/net.onnx',
  batchSize: 16,
  waitMs: 0.5,
  queueLimit: 200,
  largestRequest: 128,
};

test("a backbone's configuration says what runs it, and what it takes", () => {
  const config = modelConfig({ ...facts, spec: { kind: 'backbone', name: 'tiny', size: 8, dimensions: 5 } });
  assert.equal(config.backend, 'onnxruntime');
  assert.equal(config.defaultModelFilename, 'net.onnx');
  assert.deepEqual(
    config.input!.map(({ name, dims, optional }) => [name, dims, optional]),
    [
      ['image', [1], true],
      ['pixels', [8, 8, 3], true],
      ['input', [3, 8, 8], true],
    ],
  );
  assert.deepEqual(
    config.output!.map(({ name, dims }) => [name, dims]),
    [['embedding', [5]]],
  );
  assert.equal(config.dynamicBatching!.maxQueueDelayMicroseconds, 500);
  assert.equal(config.maxBatchSize, 128);
  assert.deepEqual(JSON.parse(config.parameters!.image!.stringValue!).size, 8);
  assert.ok(!JSON.stringify(config).includes('/models'), 'where files lie is nobody’s business');
});

interface Field {
  name: string;
  typeName?: string;
}
interface Message {
  name: string;
  field?: Field[];
  nestedType?: Message[];
  enumType?: { name: string }[];
}

test('reflection hands out type names that every implementation resolves, those of enums beside messages too', () => {
  const files = Object.values(reflectionDefinition()).flatMap(({ fileDescriptorProtos }) =>
    Array.isArray(fileDescriptorProtos) ? (fileDescriptorProtos as Buffer[]) : [],
  );
  const known = new Set<string>();
  const used: string[] = [];
  const visit = (message: Message, scope: string) => {
    const own = `${scope}.${message.name}`;
    known.add(own);
    for (const { name } of message.enumType ?? []) known.add(`${own}.${name}`);
    for (const { typeName } of message.field ?? []) if (typeName) used.push(typeName);
    for (const nested of message.nestedType ?? []) visit(nested, own);
  };
  for (const file of files) {
    const { package: scope, messageType = [], enumType = [] } = descriptor.FileDescriptorProto.decode(file).toJSON();
    for (const { name } of enumType) known.add(`.${scope}.${name}`);
    for (const message of messageType) visit(message, `.${scope}`);
  }
  assert.ok(used.includes('.inference.DataType'));
  assert.deepEqual(
    used.filter((name) => !known.has(name)),
    [],
  );
});
