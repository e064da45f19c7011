import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultLearnerOptions } from '../../../src/learner/index.js';
import { mostThreads } from '../../../src/native/index.js';
import { ConfigError, configHelp, configKeys, parseConfig } from '../../../src/server/config/index.js';
import { nearest } from '../../../src/server/config/nearest.js';
import { parseBytes, parseDuration } from '../../../src/server/config/units.js';

const EXAMPLE = `
dataDir: ./data
roles: [serve, join, learn]
server: { host: 127.0.0.1, grpcPort: 8001, httpPort: 8002 }
nats: { url: null, replicas: 1, serverBinary: null }
labels: { window: 24h, grace: 30s, dedupe: 30d, record: durable }
engine: { isa: auto }
backbones:
  - name: mobilenet
    model: models/mobilenetv1_1.0_224.onnx
    engine: auto
    threads: 0
    output: features
    image: { size: 224, resize: 256, channels: rgb, scale: 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }
heads:
  - name: caltech
    backbone: mobilenet
    classes: open
`;

function parse(text: string, options: { env?: Record<string, string>; set?: string[] } = {}) {
  return parseConfig(text, { baseDir: '/etc/headwater', ...options });
}

function problems(text: string, options: { env?: Record<string, string>; set?: string[] } = {}): string {
  try {
    parse(text, options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail(`accepted: ${text}`);
}

test("the interface's example reads as written, with absolute paths, and is frozen", () => {
  const config = parse(EXAMPLE);
  assert.equal(config.dataDir, '/etc/headwater/data');
  assert.equal(config.backbones[0]?.model, '/etc/headwater/models/mobilenetv1_1.0_224.onnx');
  assert.equal(config.labels.window, 86_400_000);
  assert.equal(config.labels.dedupe, 30 * 86_400_000);
  assert.equal(config.server.maxMessageBytes, 64 * 2 ** 20);
  assert.equal(config.heads[0]?.classes, 'open');
  assert.throws(() => {
    (config.server as { grpcPort: number }).grpcPort = 1;
  }, TypeError);
  assert.ok(Object.isFrozen(config.backbones[0]?.image.mean));
});

test('a head learns as the learners say, unless the file says otherwise', () => {
  assert.deepEqual(parse(EXAMPLE).heads[0]?.learner, defaultLearnerOptions);
  const set = ['heads.0.learner.train=sgd,slda', 'heads.0.learner.serve=slda', 'heads.0.learner.sgd.rate=0.5'];
  const learner = parse(EXAMPLE, { set }).heads[0]?.learner;
  assert.deepEqual([learner?.train, learner?.serve, learner?.sgd.rate], [['sgd', 'slda'], 'slda', 0.5]);
  assert.equal(learner?.sgd.momentum, defaultLearnerOptions.sgd.momentum);
});

test('how long training logs are kept can be given, by the environment too', () => {
  const config = parse('training: { keepSamples: 5000 }', { env: { HEADWATER_TRAINING_KEEP_FOR: '90d' } });
  assert.deepEqual(config.training, { keepSamples: 5000, keepFor: 90 * 86_400_000 });
  assert.equal(parse('training: { keepFor: null }').training.keepFor, null);
});

test('an empty file gives the documented defaults', () => {
  const config = parse('');
  assert.deepEqual(config.roles, ['serve', 'join', 'learn']);
  assert.deepEqual([config.server.host, config.server.grpcPort, config.server.httpPort], ['127.0.0.1', 8001, 8002]);
  assert.deepEqual([config.batch.size, config.batch.wait], [16, 0]);
  assert.deepEqual(config.snapshots, {
    ...{ everySamples: 200, interval: 1000, keep: 10 },
    ...{ keepFor: 30 * 86_400_000, stateEvery: 10_000 },
  });
  assert.deepEqual(config.learn, { memory: 2 * 2 ** 30, lease: 10_000 });
  assert.deepEqual(config.training, { keepSamples: null, keepFor: null });
  assert.equal(config.limits.heads, 2000);
  assert.equal(config.nats.url, null);
});

test('the shorter side follows the input size when it is not given', () => {
  const sizes = [96, 224, 227].map(
    (size) => parse(`backbones: [{ name: b, model: m.onnx, image: { size: ${size} } }]`).backbones[0]?.image.resize,
  );
  assert.deepEqual(sizes, [110, 256, 259]);
});

test('file < environment < --set', () => {
  const env = { HEADWATER_SERVER_GRPC_PORT: '7001', HEADWATER_SERVER_HTTP_PORT: '7002', HEADWATER_DATA_DIR: '/var/hw' };
  const config = parse(EXAMPLE, { env, set: ['server.grpcPort=9001', 'backbones.0.threads=3'] });
  assert.deepEqual([config.server.grpcPort, config.server.httpPort], [9001, 7002]);
  assert.equal(config.dataDir, '/var/hw');
  assert.equal(config.backbones[0]?.threads, 3);
});

test('only names that map to a key are read from the environment', () => {
  const env = {
    HEADWATER_PORT: 'tcp://10.0.0.1:8001',
    HEADWATER_SERVICE_HOST: '10.0.0.1',
    HEADWATER_SERVER: 'x',
    HEADWATER_ISA: 'avx2',
    HEADWATER_NATS_SERVER_BINARY: '/opt/nats-server',
    HEADWATER_NATS_URL: 'nats://a:4222,nats://b:4222',
    HEADWATER_ROLES: 'serve,join',
    HEADWATER_LABELS_WINDOW: '2h',
  };
  const config = parse(EXAMPLE, { env });
  assert.equal(config.engine.isa, 'avx2');
  assert.equal(config.nats.serverBinary, '/opt/nats-server');
  assert.deepEqual(config.nats.url, ['nats://a:4222', 'nats://b:4222']);
  assert.deepEqual(config.roles, ['serve', 'join']);
  assert.equal(config.labels.window, 7_200_000);
});

test('a single role or URL from the environment works too', () => {
  const config = parse('', { env: { HEADWATER_ROLES: 'serve', HEADWATER_NATS_URL: 'nats://a:4222' } });
  assert.deepEqual(config.roles, ['serve']);
  assert.equal(config.nats.url, 'nats://a:4222');
});

const HEAD = 'backbones: [{ name: b, model: m }]\nheads: [{ name: h, backbone: b, learner: ';
const REFUSED: [string, RegExp][] = [
  [
    `${HEAD}{ kind: sgd } }]`,
    /heads\.0\.learner\.kind: a head has several learners now; write `learner: \{ train: \[sgd\]/,
  ],
  [`${HEAD}{ rate: 0.1 } }]`, /heads\.0\.learner\.rate: this is `learner\.sgd\.rate` now/],
  [`${HEAD}{ sgdd: {} } }]`, /heads\.0\.learner\.sgdd: unknown key; did you mean "sgd"\?/],
  [`${HEAD}{ train: [] } }]`, /heads\.0\.learner\.train: expected `auto` or a list of sgd, slda, rls, refit/],
  [`${HEAD}{ train: [sgd, sgd] } }]`, /heads\.0\.learner\.train: a learner is named twice/],
  [`${HEAD}{ train: [sgd], serve: rls } }]`, /heads\.0\.learner\.serve: expected a candidate that is trained/],
  [`${HEAD}{ serve: imported } }]`, /heads\.0\.learner\.serve: expected one of auto, sgd, slda, rls, refit, blend,/],
  ['learn: { memory: 3 }', /learn\.memory: expected a size from 1MiB/],
  ['training: { keepSamples: 0 }', /training\.keepSamples: expected a whole number from 1/],
  ['server: { grpcport: 1 }', /server\.grpcport: unknown key; did you mean "grpcPort"\?.*httpPort/],
  ['servr: {}', /servr: unknown key; did you mean "server"\?/],
  ['zzzzzz: 1', /zzzzzz: unknown key; expected one of: dataDir/i],
  ['server: { grpcPort: 70000 }', /server\.grpcPort: expected a whole number from 0 to 65535, got 70000/],
  ['server: { grpcPort: "8001" }', /server\.grpcPort: expected a whole number/],
  ['server: 3', /server: expected keys \(host, grpcPort/],
  ['labels: { window: 24 }', /labels\.window: expected a duration .* got 24/],
  ['labels: { window: soon }', /labels\.window: expected a duration/],
  ['labels: { window: 24h, dedupe: 1h }', /labels\.dedupe: expected a duration not below labels\.window/],
  ['nats: { streams: { served: 4GB!, x: 1 } }', /nats\.streams\.served: expected a size/],
  ['engine: { isa: sse }', /engine\.isa: expected one of auto, avx512, avx2, neon, scalar, got "sse"/],
  ['nats: { url: "http://a:1" }', /^configuration: nats\.url: the value "http:\/\/a:1" has a scheme .* use nats:\/\//],
  ['nats: { url: [nats://a, "nats://[x"] }', /nats\.url: the value "nats:\/\/\[x" is not a URL/],
  ['nats: { url: "nats://a/b" }', /nats\.url: .* no path/],
  ['nats: { url: [nats://t@a, nats://u@b] }', /nats\.url: .*the same credentials/],
  ['batch: { learningShare: 0.6 }', /batch\.learningShare: expected a number from 0 to 0\.5/],
  ['roles: []', /roles: expected at least one role/],
  ['roles: [serve, serve]', /roles: a role is named twice/],
  ['backbones: [{ model: m.onnx }]', /backbones\.0\.name: missing: expected a backbone name/],
  ['backbones: [{ name: "A b", model: m }]', /backbones\.0\.name: expected a backbone name.*got "A b"/],
  ['backbones: [{ name: b, model: m, image: { size: 224, resize: 100 } }]', /backbones\.0\.image\.resize: expected/],
  ['backbones: [{ name: b, model: m, image: { std: [1, 0, 1] } }]', /image\.std\.1: expected a number above 0/],
  ['backbones: [{ name: b, model: m, image: { mean: [1] } }]', /image\.mean: expected three numbers/],
  [
    'backbones: [{ name: b, model: m }, { name: b, model: n }]',
    /backbones\.1\.name: the name "b" is taken by backbones\.0/,
  ],
  ['backbones: [{ name: b, model: m }]\nheads: [{ name: b, backbone: b }]', /heads\.0\.name: the name "b" is taken/],
  ['heads: [{ name: h, backbone: nope }]', /heads\.0\.backbone: expected the name of a configured backbone \(none\)/],
  [
    'backbones: [{ name: b, model: m }]\nheads: [{ name: h, backbone: b, classes: [cat, cat] }]',
    /heads\.0\.classes: the class "cat" is listed twice/,
  ],
  [
    'backbones: [{ name: b, model: m }]\nheads: [{ name: h, backbone: b, classes: 7 }]',
    /heads\.0\.classes: expected `open`/,
  ],
  ['- a\n- b', /expected keys/],
  ['a: [', /not valid YAML/],
];

for (const [text, expected] of REFUSED) {
  test(`refused: ${text.split('\n').join(' ')}`, () => assert.match(problems(text), expected));
}

test('problems of the environment and of --set name where they came from', () => {
  assert.match(
    problems('', { env: { HEADWATER_SERVER_GRPC_PORT: 'x' } }),
    /HEADWATER_SERVER_GRPC_PORT: server\.grpcPort/,
  );
  assert.match(problems('', { set: ['server.grpcPort=-1'] }), /--set server\.grpcPort: server\.grpcPort: expected/);
  assert.match(problems('', { set: ['server.nope=1'] }), /--set server\.nope: server\.nope: unknown key/);
  assert.match(problems('', { set: ['server.grpcPort'] }), /expected KEY=VALUE/);
  assert.match(problems('', { set: ['backbones.3.threads=1'] }), /backbones/);
  assert.match(problems('', { set: ['__proto__.x=1'] }), /not a key/);
});

test('credentials of a NATS URL are never shown', () => {
  for (const url of ['http://user:hush@a', 'nats://user:hush@', 'nats://u:%hush@a', 'user:hush@a: b']) {
    const told = [
      problems(`nats: { url: ${JSON.stringify(url)} }`),
      problems('', { set: [`nats.url=${url}`] }),
      problems('', { env: { HEADWATER_NATS_URL: url } }),
    ].join();
    assert.doesNotMatch(told, /hush/);
    assert.match(told, /--set nats\.url/);
  }
});

test('what is wrong on the command line is told from what is wrong elsewhere', () => {
  const wrongUsage = (text: string, options: Parameters<typeof parse>[1]): boolean => {
    try {
      parse(text, options);
    } catch (error) {
      assert.ok(error instanceof ConfigError);
      return error.wrongUsage;
    }
    return assert.fail('accepted');
  };
  const wrong = [
    'nonsense',
    'server.grpcport=1',
    'sever.grpcPort=1',
    'server.grpcPort=x',
    'server={a: 1}',
    'server.host.x=1',
    'nats.url=[http://a]',
    'labels.window=[',
    'backbones.7.threads=1',
    'server..x=1',
  ];
  for (const set of wrong) assert.equal(wrongUsage('server: { host: 0.0.0.0 }', { set: [set] }), true, set);
  const set = ['server.grpcPort=9001'];
  assert.equal(wrongUsage('server: { httpPort: x }', { set }), false);
  assert.equal(wrongUsage('server: { httpPort: x }', { set: ['server.grpcPort=x'] }), false, 'the file is wrong, too');
  assert.equal(wrongUsage('', { set, env: { HEADWATER_SERVER_HTTP_PORT: 'x' } }), false);
  assert.equal(wrongUsage('a: [', { set }), false);
});

test('every key has help, and one environment name', () => {
  assert.ok(configKeys.length > 50, `${configKeys.length} keys`);
  const names = configKeys.flatMap(({ environment }) => environment ?? []);
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.includes('HEADWATER_NATS_SERVER_BINARY'));
  assert.match(configHelp(), /server\.grpcPort\n {4}port of gRPC.*default 8001; HEADWATER_SERVER_GRPC_PORT/);
  assert.deepEqual(
    configKeys.filter(({ help }) => help === '').map(({ path }) => path),
    [],
  );
});

test('units', () => {
  assert.equal(parseDuration('1.5s'), 1500);
  assert.equal(parseDuration('0'), 0);
  assert.equal(parseDuration('5'), undefined);
  assert.equal(parseDuration('-5s'), undefined);
  assert.equal(parseBytes('4GiB'), 4 * 2 ** 30);
  assert.equal(parseBytes('20 MB'), 20_000_000);
  assert.equal(parseBytes('3constructor'), undefined);
});

test('nearest names what was probably meant, and nothing else', () => {
  assert.equal(nearest('grpc_port', ['grpcPort', 'httpPort']), 'grpcPort');
  assert.equal(nearest('xyz', ['grpcPort', 'httpPort']), undefined);
});

test('a backbone takes as many threads as the engine does', () => {
  assert.equal(parse(EXAMPLE, { set: [`backbones.0.threads=${mostThreads}`] }).backbones[0]?.threads, mostThreads);
  assert.match(problems(EXAMPLE, { set: [`backbones.0.threads=${mostThreads + 1}`] }), /threads/);
});
