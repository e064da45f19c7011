// scripts/checks/audit.mjs: what is a finding, and what is only a registry that does not answer.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from '../support/repository.js';

interface Read {
  readonly answered: boolean;
  readonly why?: string;
  readonly bad?: readonly string[];
}
const script = pathToFileURL(join(ROOT, 'scripts/checks/audit.mjs')).href;
const { readAudit } = (await import(script)) as { readAudit: (stdout: string) => Read };

test('high and critical vulnerabilities are named, lesser ones are not', () => {
  const vulnerabilities = {
    a: { name: 'a', severity: 'high', range: '<2', via: [{ title: 'Prototype pollution' }] },
    b: { name: 'b', severity: 'critical', range: '*', via: ['a'] },
    c: { name: 'c', severity: 'moderate', range: '*', via: ['a'] },
  };
  const report = { vulnerabilities, metadata: { vulnerabilities: { moderate: 1, high: 1, critical: 1 } } };
  assert.deepEqual(readAudit(JSON.stringify(report)).bad, ['a <2: high: Prototype pollution', 'b *: critical: by a']);
  const clean = readAudit(JSON.stringify({ metadata: { vulnerabilities: { high: 0 } } }));
  assert.deepEqual([clean.answered, clean.bad], [true, []]);
});

test('a registry that does not answer is told from one that has nothing to say', () => {
  for (const [output, why] of [
    ['', 'npm audit printed no JSON'],
    ['{"message":"405 Method Not Allowed"}', '405 Method Not Allowed'],
    ['{"error":{"code":"ENOTFOUND","summary":"request failed"}}', 'request failed'],
    ['null', 'npm audit gave no report'],
  ]) {
    assert.deepEqual(readAudit(output as string), { answered: false, why });
  }
});
