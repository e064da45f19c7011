// What the log tells, and what never stands in it.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { createLog } from '../../src/server/log.js';
import { createToken, hashToken } from '../../src/server/security/token.js';
import { hostileTexts } from '../support/hostile-text.js';
import {
  call,
  failure,
  PETS,
  rawFloats,
  rawStrings,
  startTestServer,
  type TestServer,
} from '../support/test-server.js';

interface Line {
  readonly level: number;
  readonly event?: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

class Lines {
  text = '';
  readonly log = createLog('info', {
    write: (line: string) => {
      this.text += line;
    },
  });

  get all(): Line[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }

  of(event: string): Line[] {
    return this.all.filter((line) => line.event === event);
  }
}

const embedding = (id: string, model = 'pets') => ({
  ...{ modelName: model, id, inputs: [{ name: 'embedding', datatype: 'FP32', shape: [1, 3] }] },
  rawInputContents: [rawFloats(1, 2, 3)],
});
const image = (bytes: Buffer) => ({
  ...{ modelName: 'pets', id: 'broken', inputs: [{ name: 'image', datatype: 'BYTES', shape: [1] }] },
  rawInputContents: [rawStrings(bytes)],
});

async function withServer(
  options: Parameters<typeof startTestServer>[0],
  work: (server: TestServer, lines: Lines) => Promise<void>,
): Promise<Lines> {
  const lines = new Lines();
  const server = await startTestServer({ ...options, log: lines.log });
  try {
    server.learning.heads.teach('pets', PETS);
    await work(server, lines);
  } finally {
    await server.close();
  }
  return lines;
}

describe('the log', () => {
  it('has a line for each request when all are asked for: which, how it ended, where its time went', async () => {
    const lines = await withServer({ set: ['log.requests=all', 'log.level=info'] }, async (server) => {
      await server.infer(embedding('mine'));
      await failure(server.infer(embedding('other', 'nobody')));
    });
    const [answered, refused] = lines.of('request');
    assert.deepEqual(
      [answered?.requestId, answered?.model, answered?.code, answered?.level],
      ['mine', 'pets', 'OK', 30],
    );
    for (const field of ['totalMs', 'decodeMs', 'queueMs', 'computeMs']) {
      assert.ok((answered?.[field] as number) >= 0, field);
    }
    assert.deepEqual([refused?.requestId, refused?.code, refused?.level], ['other', 'NOT_FOUND', 40]);
    assert.match(String(refused?.error), /nobody/);
  });

  it('has failed requests only, bounded, unless told otherwise; none when told so', async () => {
    const flood = async (server: TestServer) => {
      await server.infer(embedding('mine'));
      for (let round = 0; round < 10; round++) {
        const failures = Array.from({ length: 50 }, (_, index) =>
          failure(server.infer(embedding(`f${index}`, 'nobody'))),
        );
        await Promise.all(failures);
      }
    };
    const started = performance.now();
    const lines = await withServer({}, flood);
    const seconds = (performance.now() - started) / 1000;
    const logged = lines.of('request');
    assert.ok(logged.length >= 1 && logged.length <= seconds + 1, `${logged.length} lines in ${seconds} s`);
    assert.ok(logged.every(({ code }) => code === 'NOT_FOUND'));
    assert.equal((await withServer({ set: ['log.requests=none'] }, flood)).of('request').length, 0);
  });

  it('tells of a failing engine once a second, not once a request', async () => {
    const started = performance.now();
    const lines = await withServer({}, async (server) => {
      server.backbone.failure = new Error('the engine is broken');
      const request = {
        ...{ modelName: 'pets', id: 'x', inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [1, 4, 4, 3] }] },
        rawInputContents: [Buffer.alloc(48)],
      };
      for (let index = 0; index < 200; index++) await failure(server.infer(request));
    });
    const seconds = (performance.now() - started) / 1000;
    const told = lines.of('internal_error').length;
    assert.ok(told >= 1 && told <= seconds + 1, `${told} lines in ${seconds} s`);
  });

  it('tells who did what to a head', async () => {
    const lines = await withServer({}, async ({ teacher }) => {
      const create = { name: 'birds', backbone: 'tiny' };
      await call(teacher.createHead, teacher, create as Parameters<typeof teacher.createHead>[0]);
      await call(teacher.rollbackHead, teacher, { name: 'pets', version: 1 } as never);
      await call(teacher.deleteHead, teacher, { name: 'birds', expectedVersion: 0 } as never);
    });
    const [created] = lines.of('head_created');
    assert.deepEqual([created?.head, typeof created?.client], ['birds', 'string']);
    assert.deepEqual([lines.of('head_rolled_back')[0]?.head, lines.of('head_rolled_back')[0]?.version], ['pets', 1]);
    assert.equal(lines.of('head_deleted')[0]?.head, 'birds');
  });

  it('tells each step of stopping', async () => {
    const lines = await withServer({}, async () => {});
    const steps = lines.all.map(({ event }) => event).filter((event) => event !== undefined);
    assert.deepEqual(steps.slice(-3), ['not_ready', 'drained', 'learning_stopped']);
  });

  it('holds no token and no image', async () => {
    const [token, wrong] = [createToken(), createToken()];
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${token}`);
    const entry = JSON.stringify([{ name: 'camera', hash: hashToken(token), scopes: ['infer'], heads: ['*'] }]);
    const pixels = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.from('SECRETPIXELS'.repeat(50))]);
    const random = randomBytes(300);
    const options = { set: [`security.tokens=${entry}`, 'log.requests=all', 'log.level=trace'], metadata };
    const lines = await withServer(options, async (server) => {
      await server.infer(embedding('mine'));
      for (const bytes of [pixels, random, Buffer.from('SECRETPIXELS')]) await failure(server.infer(image(bytes)));
      const stranger = new Metadata();
      stranger.set('authorization', `Bearer ${wrong}`);
      await failure(
        new Promise((resolve, reject) => {
          server.inference.ModelInfer(embedding('stranger'), stranger, (error, answer) =>
            error ? reject(error) : resolve(answer),
          );
        }),
      );
    });
    assert.equal(lines.of('request')[0]?.client, 'camera');
    assert.ok(lines.of('request').length >= 4);
    for (const secret of [token, wrong, 'SECRETPIXELS', hashToken(token).split(':').at(-1)!.slice(0, 10)]) {
      assert.ok(!lines.text.includes(secret), `${secret} stands in the log`);
    }
    for (const encoding of ['base64', 'hex', 'latin1'] as const) {
      for (const bytes of [pixels, random]) assert.ok(!lines.text.includes(bytes.toString(encoding).slice(20, 50)));
    }
  });

  it('shows texts of strangers as text, one line each', async () => {
    const lines = await withServer({ set: ['log.requests=all'] }, async (server) => {
      for (const text of Object.values(hostileTexts)) {
        await server.infer(embedding(text)).catch(() => {});
        await failure(server.infer(embedding('x', text)));
      }
    });
    const requests = lines.of('request');
    assert.ok(requests.length >= Object.keys(hostileTexts).length);
    const visible = /^[\x20-\x7e\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}\n]*$/u;
    for (const line of lines.text.split('\n')) assert.match(line, visible);
    assert.doesNotMatch(lines.text, /[\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c]/);
    // A forged line is part of a field.
    assert.ok(lines.all.every(({ msg }) => msg !== 'all is well'));
  });
});
