// Triton's extensions: configuration, statistics, and models that are loaded and unloaded while requests run.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { status as Status } from '@grpc/grpc-js';
import type { Backbone, BackboneOptions } from '../../src/engine/index.js';
import { EngineError } from '../../src/engine/index.js';
import { FakeBackbone, type FakeBackboneOptions } from '../support/fake-backbone.js';
import { call, failure, PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until as waitUntil } from '../support/until.js';

const until = (condition: () => boolean | Promise<boolean>) => waitUntil(String(condition), condition);

type Made = FakeBackboneOptions & { readonly identity?: string };

/** A server whose backbone is made anew with each load: `next` says how, `made` has them all. */
async function startReloadable(context: TestContext, set: readonly string[] = []) {
  const loads: BackboneOptions[] = [];
  const made: FakeBackbone[] = [];
  const state = { next: (): Made | Error => ({}), hang: false };
  const server = await startTestServer({
    set,
    parts: {
      loadBackbone: async (options): Promise<Backbone> => {
        loads.push(options);
        const wanted = state.next();
        if (wanted instanceof Error) throw wanted;
        if (state.hang) {
          await once(options.signal!, 'abort');
          throw new EngineError('closed', 'loading was ended');
        }
        const backbone = new FakeBackbone(wanted);
        if (wanted.identity !== undefined) Object.assign(backbone, { identity: wanted.identity });
        made.push(backbone);
        return backbone;
      },
    },
  });
  context.after(() => server.close());
  server.learning.heads.teach('pets', PETS);
  return { server, loads, made, state };
}

const pixels = (modelName: string, value = 10, count = 1) => ({
  modelName,
  inputs: [{ name: 'pixels', datatype: 'UINT8', shape: [count, 4, 4, 3] }],
  rawInputContents: [Buffer.alloc(count * 48, value)],
});

/** Ends a backbone's batches until something is done. */
async function finishAll(backbone: FakeBackbone, work: Promise<unknown>): Promise<void> {
  let done = false;
  const ended = work.finally(() => {
    done = true;
  });
  while (!done) await backbone.finish();
  await ended;
}

const load = ({ inference }: TestServer, modelName: string, parameters = {}) =>
  call(inference.RepositoryModelLoad, inference, { modelName, parameters });
const unload = ({ inference }: TestServer, modelName: string, parameters = {}) =>
  call(inference.RepositoryModelUnload, inference, { modelName, parameters });

async function indexOf({ inference }: TestServer, ready = false): Promise<Record<string, string>> {
  const { models } = await call(inference.RepositoryIndex, inference, { ready });
  return Object.fromEntries(
    models.map(({ name, state, reason }) => [name, reason === '' ? state : `${state}: ${reason}`]),
  );
}

describe('reloading', () => {
  it('replaces a backbone again and again without a failed request, and frees each one', async (context) => {
    const two = 'heads=[{ name: pets, backbone: tiny }, { name: coats, backbone: tiny }]';
    const { server, made } = await startReloadable(context, [two]);
    server.learning.heads.teach('coats', PETS);
    let running = true;
    let answered = 0;
    const worker = async (modelName: string, outputs: number, parameters = {}) => {
      while (running) {
        const request = { ...pixels(modelName, 10, 1 + (answered % 20)), parameters };
        assert.equal((await server.infer(request)).outputs.length, outputs);
        answered++;
      }
    };
    const streaming = async () => {
      const stream = server.inference.ModelStreamInfer();
      const errors: string[] = [];
      let sent = 0;
      stream.on('data', ({ errorMessage }: { errorMessage: string }) => {
        if (errorMessage !== '') errors.push(errorMessage);
        answered++;
        if (running) stream.write(pixels('pets', ++sent % 200));
        else stream.end();
      });
      stream.write(pixels('pets'));
      await once(stream, 'end');
      assert.deepEqual(errors, []);
    };
    const heads = { heads: { stringParam: 'pets,coats' } };
    const kinds = [() => worker('tiny', 1), () => worker('pets', 2), () => worker('tiny', 4, heads), streaming];
    const workers = Array.from({ length: 12 }, (_, index) => kinds[index % kinds.length]!());
    for (let round = 1; round <= 6; round++) {
      const before = answered;
      await until(() => answered > before + 20);
      await load(server, 'tiny');
    }
    const before = answered;
    await until(() => answered > before + 20);
    running = false;
    await Promise.all(workers);
    assert.equal(made.length, 7);
    await until(() => made.slice(0, 6).every(({ closed }) => closed));
    assert.equal(made[6]!.closed, false);
    assert.ok(
      made.every(({ batches }) => batches.length > 10),
      'each of them answered something',
    );
  });

  it('answers on the old one what it had accepted, and frees it only then', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({ manual: true });
    const loading = load(server, 'tiny');
    await until(() => made.length === 2);
    assert.deepEqual(await indexOf(server), { pets: 'READY', tiny: 'READY: being replaced' });
    await finishAll(made[1]!, loading);
    const warm = made[1]!.batches.length;
    assert.ok(warm >= 2, 'one image, and a whole batch');

    const onSecond = server.infer(pixels('pets'));
    await until(() => made[1]!.batches.length === warm + 1);
    state.next = () => ({});
    await load(server, 'tiny');
    const onThird = await server.infer(pixels('pets'));
    assert.equal(onThird.modelVersion, '1');
    assert.equal(made[1]!.closed, false);
    // The next load waits until the replaced one is freed: no more than two are in memory.
    const waiting = load(server, 'tiny');
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.equal(made.length, 3);
    await made[1]!.finish();
    assert.equal((await onSecond).modelVersion, '1');
    await waiting;
    assert.equal(made.length, 4);
    assert.equal(made[1]!.closed, true);
  });

  it('does two loads at once one after the other', async (context) => {
    const { server, made } = await startReloadable(context);
    await Promise.all([load(server, 'tiny'), load(server, 'tiny'), server.infer(pixels('pets'))]);
    await until(() => made[0]!.closed && made[1]!.closed);
    assert.equal(made.length, 3);
    assert.equal(made[2]!.closed, false);
  });

  it('leaves the old one in service when a load fails, and says why', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => new EngineError('model_unreadable', 'none.onnx: no such file');
    const error = await failure(load(server, 'tiny'));
    assert.equal(error.code, Status.FAILED_PRECONDITION);
    assert.match(error.details, /none\.onnx: no such file/);
    assert.equal((await server.infer(pixels('pets'))).modelName, 'pets');
    assert.match((await indexOf(server)).tiny!, /^READY: the last load failed: none\.onnx/);
    state.next = () => ({});
    await load(server, 'tiny');
    assert.equal((await indexOf(server)).tiny, 'READY');
    assert.equal(made.length, 2);
  });

  it('closes a new one that can not run, and stays with the old one', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({ manual: true });
    const loading = failure(load(server, 'tiny'));
    await until(() => made[1]?.batches.length === 1);
    made[1]!.failure = new EngineError('run_failed', 'the model fails on black images');
    await made[1]!.finish();
    assert.match((await loading).details, /fails on black images/);
    assert.equal(made[1]!.closed, true);
    assert.equal((await server.infer(pixels('tiny'))).modelName, 'tiny');
  });

  it('gives a load up when its caller does', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({ manual: true });
    const { inference } = server;
    const cancelled = failure(
      new Promise((resolve, reject) => {
        const running = inference.RepositoryModelLoad({ modelName: 'tiny' }, (error, response) =>
          error ? reject(error) : resolve(response),
        );
        void until(() => made[1]?.batches.length === 1).then(() => running.cancel());
      }),
    );
    assert.equal((await cancelled).code, Status.CANCELLED);
    while (!made[1]!.closed) await made[1]!.finish();
    assert.equal(made[0]!.closed, false);
    assert.equal((await indexOf(server)).tiny, 'READY');
  });

  it('is given up when the server stops', async (context) => {
    const { server, made, loads, state } = await startReloadable(context);
    state.hang = true;
    const loading = failure(load(server, 'tiny'));
    await until(() => loads.length === 2);
    await server.running.close();
    const error = await loading;
    assert.deepEqual([error.code, error.metadata.get('headwater-error')[0]], [Status.UNAVAILABLE, 'draining']);
    assert.equal(made[0]!.closed, true);
  });

  it('follows with headwater_engine_info', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({});
    await load(server, 'tiny');
    Object.assign(made[1]!, { info: { ...made[1]!.info, sparsity: 0.9 } });
    const lines = async () =>
      (await server.get('/metrics')).body.split('\n').filter((line) => line.startsWith('headwater_engine_info{'));
    assert.equal((await lines()).length, 1);
    assert.match((await lines())[0]!, /backbone="tiny".*sparsity="0\.900"/);
    await unload(server, 'tiny');
    assert.deepEqual(await lines(), []);
  });
});

describe('a file of another identity', () => {
  it('is refused while heads stand on the one in service, unless forced', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({ identity: 'other', dimensions: 5 });
    const error = await failure(load(server, 'tiny'));
    assert.equal(error.code, Status.FAILED_PRECONDITION);
    assert.equal(error.metadata.get('headwater-error')[0], 'backbone_mismatch');
    assert.match(error.details, /1 heads were taught .*embeddings of 3.*embeddings of 5.*pets/);
    assert.equal(made[1]!.closed, true);
    assert.equal((await server.infer(pixels('pets'))).modelName, 'pets');

    await load(server, 'tiny', { force: { boolParam: true } });
    const refused = await failure(server.infer(pixels('pets')));
    assert.equal(refused.metadata.get('headwater-error')[0], 'backbone_mismatch');
    assert.match((await indexOf(server)).pets!, /^UNAVAILABLE: head "pets" was taught on another/);
    const { outputs } = await server.infer(pixels('tiny'));
    assert.deepEqual(outputs[0]!.shape, [1, 5]);

    // Back: the head is served again.
    state.next = () => ({});
    await load(server, 'tiny');
    assert.equal((await indexOf(server)).pets, 'READY');
  });

  it('is taken when no head stands on the backbone', async (context) => {
    const { server, state } = await startReloadable(context);
    server.learning.heads.forget('pets');
    state.next = () => ({ identity: 'other', dimensions: 5 });
    await load(server, 'tiny');
    assert.deepEqual((await server.infer(pixels('tiny'))).outputs[0]!.shape, [1, 5]);
  });
});

describe('unloading', () => {
  it('answers what a backbone had accepted, refuses what comes, frees it, and loads it again', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({ manual: true });
    const loading = load(server, 'tiny');
    await until(() => made.length === 2);
    await finishAll(made[1]!, loading);
    const warm = made[1]!.batches.length;
    const accepted = server.infer(pixels('pets'));
    await until(() => made[1]!.batches.length === warm + 1);
    const unloading = unload(server, 'tiny');
    await until(async () => (await indexOf(server)).tiny!.startsWith('UNLOADING'));
    for (const name of ['tiny', 'pets']) {
      const error = await failure(server.infer(pixels(name)));
      assert.equal(error.code, Status.UNAVAILABLE);
      assert.equal(error.metadata.get('headwater-error')[0], 'model_unloaded');
    }
    assert.equal(made[1]!.closed, false);
    await made[1]!.finish();
    assert.equal((await accepted).modelName, 'pets');
    await unloading;
    assert.equal(made[1]!.closed, true);
    assert.deepEqual(await indexOf(server, true), {});
    assert.equal((await indexOf(server)).tiny, 'UNAVAILABLE: unloaded');
    const { inference } = server;
    assert.equal((await call(inference.ModelReady, inference, { name: 'tiny' })).ready, false);
    assert.equal((await call(inference.ModelReady, inference, { name: 'pets' })).ready, false);
    // Its name stays taken, and again is no error.
    const { teacher } = server;
    assert.equal(
      (await failure(call(teacher.CreateHead, teacher, { name: 'tiny', backbone: 'tiny' }))).code,
      Status.ALREADY_EXISTS,
    );
    await unload(server, 'tiny');

    state.next = () => ({});
    await load(server, 'tiny');
    assert.deepEqual(await indexOf(server, true), { pets: 'READY', tiny: 'READY' });
    assert.equal((await server.infer(pixels('pets'))).modelName, 'pets');
  });

  it('takes a head out of service and serves it again, with the newest version', async (context) => {
    const { server } = await startReloadable(context);
    await unload(server, 'pets');
    assert.equal((await indexOf(server)).pets, 'UNAVAILABLE: head "pets" is not served here: unloaded');
    const error = await failure(server.infer(pixels('pets')));
    assert.deepEqual([error.code, error.metadata.get('headwater-error')[0]], [Status.UNAVAILABLE, 'model_unloaded']);
    assert.equal((await server.infer(pixels('tiny'))).modelName, 'tiny');
    server.learning.heads.teach('pets', PETS);
    await load(server, 'pets');
    assert.equal((await server.infer(pixels('pets'))).modelVersion, '2');
  });

  it('serves a head that is made anew', async (context) => {
    const { server } = await startReloadable(context);
    await unload(server, 'pets');
    const { definition } = server.learning.heads.need('pets');
    server.learning.heads.add(definition, 2);
    assert.equal((await indexOf(server)).pets, 'READY');
  });

  it('takes the heads of a backbone with it when asked to', async (context) => {
    const { server } = await startReloadable(context);
    await unload(server, 'tiny', { unload_dependents: { boolParam: true } });
    await load(server, 'tiny');
    assert.match((await indexOf(server)).pets!, /UNAVAILABLE/);
    await load(server, 'pets');
    assert.equal((await indexOf(server)).pets, 'READY');
  });

  it('knows no other names', async (context) => {
    const { server } = await startReloadable(context);
    assert.equal((await failure(load(server, 'nobody'))).code, Status.NOT_FOUND);
    assert.equal((await failure(unload(server, 'nobody'))).code, Status.NOT_FOUND);
  });
});

describe('the parameters of a load', () => {
  it('name other files below repository.folder only', async (context) => {
    const root = realpathSync(mkdtempSync(join(tmpdir(), 'headwater-repository-')));
    context.after(() => rmSync(root, { recursive: true }));
    const folder = join(root, 'models');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(join(folder, 'sub', 'new.onnx'), 'x');
    writeFileSync(join(root, 'secret.onnx'), 'x');
    symlinkSync(join(root, 'secret.onnx'), join(folder, 'link.onnx'));
    const { server, loads } = await startReloadable(context, [`repository.folder=${folder}`]);
    const model = (stringParam: string) => ({ model: { stringParam } });
    await load(server, 'tiny', model('sub/new.onnx'));
    assert.equal(loads[1]!.model, join(folder, 'sub', 'new.onnx'));
    const { inference } = server;
    const { config } = await call(inference.ModelConfig, inference, { name: 'tiny' });
    assert.equal(config!.defaultModelFilename, 'new.onnx');
    for (const path of [
      '../secret.onnx',
      join(root, 'secret.onnx'),
      'link.onnx',
      'sub',
      'absent.onnx',
      '',
      'a\0b',
      '.',
    ]) {
      const error = await failure(load(server, 'tiny', model(path)));
      assert.equal(error.code, Status.INVALID_ARGUMENT, path);
      assert.match(error.details, /^parameter model: expected a file below repository\.folder/);
    }
    assert.equal(loads.length, 2);
    await load(server, 'tiny');
    assert.match(loads[2]!.model, /none\.onnx$/);
  });

  it('take no bytes and nothing unknown', async (context) => {
    const { server, loads } = await startReloadable(context);
    const refusals: [Record<string, object>, RegExp][] = [
      [{ 'file:1/model.onnx': { bytesParam: Buffer.from('x') } }, /never taken from a request/],
      [{ config: { stringParam: '{}' } }, /configuration/],
      [{ model: { stringParam: 'other.onnx' } }, /repository\.folder/],
      [{ model: { int64Param: 1 } }, /expected a string/],
      [{ force: { int64Param: 1 } }, /expected a boolean/],
      [{ colour: { stringParam: 'red' } }, /unknown; there are model, force/],
    ];
    for (const [parameters, message] of refusals) {
      const error = await failure(load(server, 'tiny', parameters));
      assert.equal(error.code, Status.INVALID_ARGUMENT);
      assert.match(error.details, message);
    }
    assert.equal((await failure(load(server, 'pets', { force: { boolParam: true } }))).code, Status.INVALID_ARGUMENT);
    const { inference } = server;
    const named = call(inference.RepositoryIndex, inference, { repositoryName: 'x' });
    assert.equal((await failure(named)).code, Status.INVALID_ARGUMENT);
    assert.equal(loads.length, 1);
  });
});

describe('ModelConfig', () => {
  it('tells what is true of a head and of a backbone', async (context) => {
    const { server } = await startReloadable(context, ['batch.size=8', 'batch.wait=2ms', 'server.queueLimit=64']);
    const { inference } = server;
    const { config } = await call(inference.ModelConfig, inference, { name: 'pets' });
    assert.deepEqual(
      [config!.name, config!.platform, config!.backend, config!.maxBatchSize],
      ['pets', 'headwater', 'headwater', 29],
    );
    assert.deepEqual(
      config!.input.map(({ name, dataType, format, dims }) => [name, dataType, format, dims]),
      [
        ['image', 'TYPE_STRING', 'FORMAT_NONE', [1]],
        ['pixels', 'TYPE_UINT8', 'FORMAT_NHWC', [4, 4, 3]],
        ['input', 'TYPE_FP32', 'FORMAT_NCHW', [3, 4, 4]],
        ['embedding', 'TYPE_FP32', 'FORMAT_NONE', [3]],
      ],
    );
    assert.deepEqual(
      config!.output.map(({ name, dataType, dims }) => [name, dataType, dims]),
      [
        ['label', 'TYPE_STRING', []],
        ['probabilities', 'TYPE_FP32', [-1]],
        ['embedding', 'TYPE_FP32', [3]],
      ],
    );
    assert.deepEqual(config!.dynamicBatching!.preferredBatchSize, [8]);
    assert.equal(config!.dynamicBatching!.maxQueueDelayMicroseconds, 2000);
    assert.equal(config!.versionPolicy!.policyChoice, 'all');
    assert.deepEqual(
      config!.instanceGroup.map(({ kind, count }) => [kind, count]),
      [['KIND_CPU', 1]],
    );
    assert.equal(config!.parameters.identity!.stringValue, 'identity-of-tiny');

    const own = (await call(inference.ModelConfig, inference, { name: 'tiny', version: '1' })).config!;
    assert.deepEqual([own.backend, own.versionPolicy!.latest], ['onnxruntime', { numVersions: 1 }]);
    assert.equal(
      (await failure(call(inference.ModelConfig, inference, { name: 'tiny', version: '2' }))).code,
      Status.NOT_FOUND,
    );
    assert.equal((await failure(call(inference.ModelConfig, inference, { name: 'nobody' }))).code, Status.NOT_FOUND);
  });
});

describe('ModelStatistics', () => {
  it('counts requests, images, batches and where the time went', async (context) => {
    const { server } = await startReloadable(context);
    const { inference } = server;
    const statistics = async (name: string, version = '') =>
      (await call(inference.ModelStatistics, inference, { name, version })).modelStats;
    const before = Date.now();
    await server.infer(pixels('pets', 1, 3));
    await server.infer(pixels('pets'));
    await server.infer(pixels('tiny', 1, 2));
    await failure(server.infer({ ...pixels('pets'), inputs: [] }));

    const [pets] = await statistics('pets');
    assert.deepEqual([pets!.name, pets!.version, pets!.inferenceCount, pets!.executionCount], ['pets', '1', 4, 2]);
    assert.ok(pets!.lastInference >= before);
    const { success, fail, queue, computeInput, computeInfer, computeOutput, cacheHit } = pets!.inferenceStats!;
    assert.deepEqual([success!.count, fail!.count, queue!.count, cacheHit!.count], [2, 1, 2, 0]);
    assert.ok(success!.ns > 0 && fail!.ns > 0 && computeInfer!.ns > 0);
    const parts = queue!.ns + computeInput!.ns + computeInfer!.ns + computeOutput!.ns;
    assert.ok(Math.abs(parts - success!.ns) < 10, `the stages sum up to the whole: ${parts}, ${success!.ns}`);
    assert.deepEqual(
      pets!.batchStats.map(({ batchSize, computeInfer: infer }) => [batchSize, infer!.count]),
      [
        [1, 1],
        [3, 1],
      ],
    );

    const [tiny] = await statistics('tiny', '1');
    assert.deepEqual([tiny!.inferenceCount, tiny!.executionCount], [6, 3]);
    assert.equal(tiny!.inferenceStats!.success!.count, 1);
    assert.deepEqual(
      tiny!.batchStats.map(({ batchSize }) => batchSize),
      [1, 2, 3],
    );

    assert.deepEqual(
      (await statistics('')).map(({ name }) => name),
      ['pets', 'tiny'],
    );
    assert.equal((await failure(statistics('nobody'))).code, Status.NOT_FOUND);
    assert.equal((await failure(statistics('pets', '7'))).code, Status.NOT_FOUND);
  });

  it('tells cancelled requests apart, and begins anew with a head', async (context) => {
    const { server, made, state } = await startReloadable(context);
    state.next = () => ({ manual: true });
    const loading = load(server, 'tiny');
    await until(() => made.length === 2);
    await finishAll(made[1]!, loading);
    const warm = made[1]!.batches.length;
    const { inference } = server;
    const running = inference.ModelInfer(pixels('pets'), () => {});
    await until(() => made[1]!.batches.length === warm + 1);
    running.cancel();
    const one = async () => (await call(inference.ModelStatistics, inference, { name: 'pets' })).modelStats[0]!;
    // On the same connection, so the server has seen the cancellation before it answers.
    await one();
    await made[1]!.finish();
    await until(async () => (await one()).inferenceStats!.fail!.count === 1);
    const { cancel, fail } = (await one()).responseStats['0']!;
    assert.deepEqual([cancel!.count, fail!.count], [1, 0]);

    server.learning.heads.add(server.learning.heads.need('pets').definition, 2);
    assert.equal((await one()).inferenceStats!.fail!.count, 0);
  });
});

describe("Triton's other calls", () => {
  it('say what is not supported, and tell the truth to who only looks', async (context) => {
    const { server } = await startReloadable(context);
    const { inference } = server;
    const { extensions } = await call(inference.ServerMetadata, inference, {});
    for (const name of ['statistics', 'model_repository', 'model_configuration'])
      assert.ok(extensions.includes(name), name);
    assert.deepEqual((await call(inference.SystemSharedMemoryStatus, inference, {})).regions, {});
    assert.deepEqual((await call(inference.CudaSharedMemoryStatus, inference, {})).regions, {});
    await call(inference.SystemSharedMemoryUnregister, inference, {});
    await call(inference.CudaSharedMemoryUnregister, inference, { name: 'region' });
    const register = failure(
      call(inference.SystemSharedMemoryRegister, inference, { name: 'a', key: '/a', byteSize: 1 }),
    );
    assert.equal((await register).code, Status.UNIMPLEMENTED);
    assert.equal(
      (await failure(call(inference.CudaSharedMemoryRegister, inference, { name: 'a' }))).code,
      Status.UNIMPLEMENTED,
    );
    const traces = await call(inference.TraceSetting, inference, {});
    assert.deepEqual(traces.settings.trace_level!.value, ['OFF']);
    const set = failure(
      call(inference.TraceSetting, inference, { settings: { trace_level: { value: ['TIMESTAMPS'] } } }),
    );
    assert.equal((await set).code, Status.UNIMPLEMENTED);
    const logs = (await call(inference.LogSettings, inference, {})).settings;
    assert.deepEqual(
      [logs.log_info!.boolParam, logs.log_error!.boolParam, logs.log_verbose_level!.uint32Param],
      [false, true, 0],
    );
  });
});
