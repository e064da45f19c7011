// What operators see: every expression of rules and dashboards, asked of a real Prometheus that scrapes two real replicas under load.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'nats';
import { parse, stringify } from 'yaml';
import { inferRequest } from '../../src/client/answer.js';
import { ServiceCalls } from '../../src/client/service-calls.js';
import { parseNatsUrls } from '../../src/learner/index.js';
import { drawImage, drawnClasses } from '../../src/server/commands/demo/draw.js';
import { createToken, hashToken } from '../../src/server/security/token.js';
import { CertificateAuthority, opensslMissing } from '../support/certificates.js';
import { lastFirst } from '../support/last-first.js';
import { freePort, natsMissing } from '../support/nats.js';
import { startOtlpReceiver } from '../support/otlp-receiver.js';
import { prometheusMissing, TestPrometheus } from '../support/prometheus.js';
import { asQuestion, withVariables } from '../support/promql.js';
import { ROOT } from '../support/repository.js';
import { type ServerProcess, startServer, tinyBackbone } from '../support/server-process.js';
import { temporaryFolder } from '../support/test-learning.js';

const TIMEOUT = 300_000;
const VARIABLES = { job: 'headwater', head: 'pets', model: '.*', backbone: '.*' };
const missing = () =>
  prometheusMissing() ||
  natsMissing() ||
  opensslMissing() ||
  (existsSync(join(ROOT, tinyBackbone.model)) || existsSync(tinyBackbone.model) ? false : `no ${tinyBackbone.model}`);

/** Something to ask, and where it stands. */
interface Question {
  readonly where: string;
  readonly expression: string;
  /** A dashboard's variable: the values of this label. */
  readonly label?: string;
}

test('every expression of rules and dashboards answers, under load and with labels', {
  skip: missing(),
  timeout: TIMEOUT,
}, async (t) => {
  const ends = lastFirst(t);
  // Labels of unknown ids become dead letters soon.
  // With traces on, it is scraped as OpenMetrics; the replica in the plain format.
  const collector = await startOtlpReceiver(ends);
  const server = await startServer(ends, {
    tracing: { endpoint: collector.url, sample: 1 },
    labels: { grace: '1s' },
    snapshots: { everySamples: 50, interval: '500ms' },
  });
  const replica = await secureReplica(ends, server);
  const prometheus = await TestPrometheus.start(ends, [
    { job_name: 'headwater', static_configs: [{ targets: [new URL(server.http).host] }] },
    {
      job_name: 'headwater-secure',
      scheme: 'https',
      tls_config: { ca_file: replica.ca },
      authorization: { credentials: replica.token },
      static_configs: [{ targets: [`localhost:${replica.httpPort}`], labels: { job: 'headwater' } }],
    },
  ]);
  const stopLoad = await startLoad(ends, server, replica);
  const questions = [...ofRules(), ...ofDashboards()];
  assert.ok(questions.length > 100, `only ${questions.length} expressions were found`);

  let unanswered = new Map<string, string>();
  const end = Date.now() + 150_000;
  do {
    await delay(2_000);
    unanswered = new Map();
    for (const question of questions) {
      const problem = await problemOf(prometheus, question);
      if (problem !== undefined) unanswered.set(`${question.where}: ${question.expression}`, problem);
    }
  } while (unanswered.size > 0 && Date.now() < end);
  await stopLoad();
  assert.deepEqual([...unanswered], [], server.output());

  const traced = new Set(collector.spans.map(({ traceId }) => traceId));
  const exemplars = await prometheus.exemplars('headwater_request_duration_seconds_bucket{stage="total"}');
  assert.ok(exemplars.length > 0, 'durations have exemplars');
  const found = exemplars.filter(({ labels }) => traced.has(labels.trace_id ?? ''));
  assert.ok(found.length > 0, 'exemplars lead to traces that the collector has');

  for (const { name, health, lastError } of await prometheus.rules())
    assert.equal(health, 'ok', `${name}: ${lastError}`);
  // The second replica runs a sparse model on ONNX Runtime: its alert fires. What is well is not alerted.
  const firing = await prometheus.query('ALERTS{alertstate="firing"}');
  assert.ok('samples' in firing);
  const names = new Set(firing.samples.map(({ labels }) => labels.alertname));
  assert.ok(names.has('HeadwaterFallbackEngine'));
  for (const name of ['HeadwaterDown', 'HeadwaterAbsent', 'HeadwaterNatsAway', 'HeadwaterCertificateExpires']) {
    assert.ok(!names.has(name), name);
  }
});

test('an expression that has no answer is noticed', { skip: prometheusMissing(), timeout: TIMEOUT }, async (t) => {
  const prometheus = await TestPrometheus.start(lastFirst(t), []);
  const problem = (expression: string) => problemOf(prometheus, { where: 'here', expression });
  assert.equal(await problem('vector(1)'), undefined);
  assert.match((await problem('headwater_no_such_metric')) ?? '', /no series/);
  assert.match((await problem('vector(0) / 0')) ?? '', /no number/);
  assert.match((await problem('sum by (')) ?? '', /bad_data/);
  assert.match(
    (await problemOf(prometheus, { where: 'here', expression: 'nothing', label: 'job' })) ?? '',
    /no values/,
  );
});

/** What is wrong with the answer; undefined: nothing. */
async function problemOf(prometheus: TestPrometheus, { expression, label }: Question): Promise<string | undefined> {
  if (label !== undefined) {
    const values = await prometheus.labelValues(expression, label);
    if ('error' in values) return values.error;
    return values.length > 0 ? undefined : 'no values';
  }
  const answer = await prometheus.query(expression);
  if ('error' in answer) return answer.error;
  if (answer.samples.length === 0) return 'no series';
  return answer.samples.some(({ value }) => Number.isFinite(value)) ? undefined : 'no number';
}

/** Recording rules as they are; alerts by the rule of `asQuestion`. */
function ofRules(): Question[] {
  const folder = join(ROOT, 'deploy', 'prometheus', 'rules');
  interface Rule {
    readonly record?: string;
    readonly alert?: string;
    readonly expr: string;
  }
  return readdirSync(folder).flatMap((file) => {
    const { groups } = parse(readFileSync(join(folder, file), 'utf8')) as { groups: { rules: Rule[] }[] };
    return groups.flatMap(({ rules }) =>
      rules.flatMap(({ record, alert, expr }): Question[] =>
        // What was recorded must be there, too.
        record === undefined
          ? [{ where: `alert ${alert}`, expression: asQuestion(expr) }]
          : [
              { where: `rule ${record}`, expression: expr },
              { where: `recorded ${record}`, expression: record },
            ],
      ),
    );
  });
}

/** Panels as they are, annotations by the rule of `asQuestion` (they mark what seldom happens), variables by their values. */
function ofDashboards(): Question[] {
  const folder = join(ROOT, 'deploy', 'grafana', 'dashboards');
  return readdirSync(folder).flatMap((file) => {
    const dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    const panels = dashboard.panels as { title: string; targets?: { expr: string }[] }[];
    const annotations = dashboard.annotations.list as { name: string; expr: string }[];
    const variables = dashboard.templating.list as { name: string; definition?: string }[];
    return [
      ...panels.flatMap(({ title, targets = [] }) =>
        targets.map(({ expr }) => ({ where: `${file}, ${title}`, expression: withVariables(expr, VARIABLES) })),
      ),
      ...annotations.map(({ name, expr }) => ({
        where: `${file}, annotation ${name}`,
        expression: asQuestion(withVariables(expr, VARIABLES)),
      })),
      ...variables.flatMap(({ name, definition }): Question[] => {
        if (definition === undefined) return [];
        const [, selector, label] = /^label_values\((.+), (\w+)\)$/s.exec(definition) ?? [];
        assert.ok(selector !== undefined && label !== undefined, `${file}: ${definition}`);
        return [{ where: `${file}, $${name}`, expression: withVariables(selector, VARIABLES), label }];
      }),
    ];
  });
}

interface Replica {
  readonly ca: string;
  /** With the scope that Prometheus needs. */
  readonly token: string;
  readonly httpPort: number;
}

/** Another replica on the first one's NATS: with TLS and tokens, and the wrong engine, so that those metrics are there. */
async function secureReplica(t: Pick<TestContext, 'after'>, first: ServerProcess): Promise<Replica> {
  const folder = temporaryFolder(t);
  const authority = new CertificateAuthority(t);
  const { certificate, key } = authority.issue('server', 'DNS:localhost,IP:127.0.0.1');
  const [grpcPort, httpPort] = [await freePort(), await freePort()];
  const file = join(folder, 'headwater.yaml');
  const token = createToken();
  const config = {
    dataDir: join(folder, 'data'),
    roles: ['serve'],
    server: { host: '127.0.0.1', grpcPort, httpPort, drainDelay: '0ms' },
    security: {
      tls: { certificate, key },
      tokens: [{ name: 'prometheus', hash: hashToken(token), scopes: ['metrics'] }],
    },
    nats: { url: first.natsUrl() },
    backbones: [{ ...tinyBackbone, engine: 'onnxruntime' }],
  };
  writeFileSync(file, stringify(config));
  const child = spawn(process.execPath, [join(ROOT, 'bin/headwater.js'), 'serve', '--config', file], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  });
  return { ca: authority.certificate, token, httpPort };
}

/** Images to the head, labels of what was answered, and what goes wrong in any day: late deadlines, unknown ids, lost credentials. */
async function startLoad(
  t: Pick<TestContext, 'after'>,
  server: ServerProcess,
  replica: Replica,
): Promise<() => Promise<void>> {
  const client = new ServiceCalls(server.grpc);
  const { servers, user, password } = parseNatsUrls(server.natsUrl());
  const nats = await connect({ servers: [...servers], user, pass: password });
  const images = await Promise.all(
    drawnClasses.slice(0, 4).map(async (name) => ({ name, bytes: await drawImage(name, 0, 7) })),
  );
  let going = true;
  const publish = (label: object) =>
    nats.jetstream().publish('headwater.label.pets', JSON.stringify(label), { timeout: 5_000 });
  const one = async (index: number) => {
    const { name, bytes } = images[index % images.length]!;
    const id = `p${index}`;
    await client.predict('pets', id, bytes);
    await publish({ id, label: name });
    if (index % 10 !== 0) return;
    await publish({ id: `unknown ${index}`, label: name });
    // A microsecond.
    const late = {
      ...inferRequest({ heads: ['pets'], id: '', input: { image: bytes }, top: 0 }),
      parameters: { timeout: { int64Param: 1 } },
    };
    await assert.rejects(client.infer(late));
    await refusedScrape(replica).catch(() => undefined);
  };
  const load = (async () => {
    for (let index = 0; going; index++) {
      await one(index);
      await delay(20);
    }
  })();
  let stopped: Promise<void> | undefined;
  const stop = () => {
    going = false;
    stopped ??= load.finally(async () => {
      client.close();
      await nats.close();
    });
    return stopped;
  };
  t.after(stop);
  return stop;
}

/** Metrics asked for with a token that nobody knows. */
function refusedScrape({ ca, httpPort }: Replica): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${createToken()}` };
    const options = {
      host: '127.0.0.1',
      port: httpPort,
      path: '/metrics',
      ca: readFileSync(ca),
      agent: false,
      headers,
    };
    const request = httpsRequest(options, (answer) => answer.resume().on('end', resolve));
    request.on('error', reject).end();
  });
}
