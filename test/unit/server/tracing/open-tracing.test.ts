import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseConfig } from '../../../../src/server/config/index.js';
import { openTracing } from '../../../../src/server/tracing/open-tracing.js';
import { temporaryFolder } from '../../../support/test-learning.js';

const config = (...set: string[]) => parseConfig('', { baseDir: '/nowhere', set });
const refusal = (...set: string[]) => {
  try {
    config(...set);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('traces', () => {
  it('are off unless a collector is named, and nothing of its SDK is loaded then', async () => {
    assert.equal(await openTracing(config(), assert.fail), undefined);
    const serve = new URL('../../../../src/server/serve.js', import.meta.url).href;
    const program = `
      import { createRequire } from 'node:module';
      await import(${JSON.stringify(serve)});
      const loaded = Object.keys(createRequire(import.meta.url).cache);
      // prom-client loads the API package by itself.
      const ofSdk = (path) => path.includes('@opentelemetry/') && !path.includes('@opentelemetry/api/');
      console.log(loaded.some((path) => path.includes('prom-client')), loaded.filter(ofSdk).length);
    `;
    const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' });
    assert.equal(out.trim(), 'true 0');
  });

  it('go to a URL without credentials in it', () => {
    assert.match(refusal('tracing.endpoint=collector:4318'), /tracing\.endpoint.*http:\/\/localhost:4318/);
    const message = refusal('tracing.endpoint=http://me:secret@collector:4318/v1/traces');
    assert.match(message, /tracing\.headersFile/);
    assert.doesNotMatch(message, /secret/);
    assert.match(refusal('tracing.sample=2'), /tracing\.sample/);
    assert.equal(refusal('tracing.endpoint=https://collector/v1/traces', 'tracing.sample=0'), '');
  });

  it('take their headers from a file, of which errors show nothing', async (t) => {
    const folder = temporaryFolder(t);
    const open = (text: string) => {
      const path = join(folder, 'headers.yaml');
      writeFileSync(path, text);
      const endpoint = 'tracing.endpoint=http://127.0.0.1:9/v1/traces';
      return openTracing(config(endpoint, `tracing.headersFile=${path}`), () => {});
    };
    for (const text of [
      '- secret',
      'secret',
      'authorization: [secret]',
      '"a b": secret',
      'a: "secret\\nb: c"',
      '{ secret',
    ]) {
      await assert.rejects(open(text), (error: Error) => {
        assert.match(error.message, /tracing\.headersFile: .*headers\.yaml/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
    }
    const tracing = await open('authorization: Bearer secret\n');
    assert.ok(tracing);
    await tracing.close();
    const gone = openTracing(
      config('tracing.endpoint=http://127.0.0.1:9/v1/traces', 'tracing.headersFile=/nowhere/x'),
      () => {},
    );
    await assert.rejects(gone, /can't be read: ENOENT/);
  });
});
