import assert from 'node:assert/strict';
import { test } from 'node:test';
import { YAMLParseError } from 'yaml';
import { parseConfig } from '../../../../src/server/config/index.js';
import { readYaml, YamlError } from '../../../../src/server/config/yaml.js';

test('what is not YAML is told with its place', () => {
  for (const [text, line, message] of [
    ['a: 1\nb: [1, 2\nc: 3\n', 3, /at line 3, column \d+$/],
    ['a: "b', 1, /at line 1, column 6$/],
    ['a: &x 1\nb: *y\n', undefined, /y/],
    ['a: 1\nb: !env HOME\n', 2, /^Unresolved tag: !env at line 2, column 4$/],
    [`a: &a [1]\nb: &b [${'*a,'.repeat(60)}]\nc: [${'*b,'.repeat(60)}]\n`, undefined, /alias/i],
  ] as const) {
    assert.throws(
      () => readYaml(text),
      (error) => error instanceof YamlError && error.line === line && message.test(error.message),
      text,
    );
  }
  assert.throws(
    () => parseConfig('a: 1\nb: "c', { baseDir: '/' }),
    /^ConfigError: configuration:2: not valid YAML: .*at line 2, column/,
  );
  assert.deepEqual([readYaml(''), readYaml('a: &x [1]\nb: *x')], [null, { a: [1], b: [1] }]);
});

test('only the first of many errors is made into words', () => {
  // Each would take time in proportion to the whole text: 30,000 errors in 265 KB took a minute.
  assert.throws(
    () => readYaml(`{${'"a":"b"c'.repeat(2000)}`),
    ({ cause }: Error) => cause instanceof YAMLParseError && cause.linePos === undefined,
  );
});

test('a key as long as the file, or many long ones, make a message that can be read', () => {
  const message = (text: string): string => {
    try {
      parseConfig(text, { baseDir: '/' });
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it was taken');
  };
  const one = message(`server: { ${'k'.repeat(900_000)}: 1 }`);
  assert.match(one, /^configuration: server\.kkk/);
  assert.match(one, /expected one of: host, /i);
  assert.ok(one.length < 2000, `${one.length} characters`);
  const keys = Array.from({ length: 60 }, (_, index) => `k${index}${'k'.repeat(5000)}: 1`);
  const many = message(`{ ${keys.join(', ')} }`);
  assert.match(many, /\nand \d+ more problems$/);
  assert.ok(many.length < 20_000, `${many.length} characters`);
});
