// Every metric that alerts, dashboards and the autoscaler name exists in /metrics, or is recorded by a rule.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import type { Config } from '../../../src/server/config/index.js';
import { Metrics } from '../../../src/server/metrics/metrics.js';
import { addSecurityMetrics } from '../../../src/server/metrics/security-metrics.js';
import { addTransportMetrics } from '../../../src/server/metrics/transport-metrics.js';
import type { Security } from '../../../src/server/security/security.js';
import { render } from '../../support/kustomize.js';
import { ROOT } from '../../support/repository.js';

const DEPLOY = join(ROOT, 'deploy');
const RULES = join(DEPLOY, 'prometheus', 'rules');
/** Prometheus's own. */
const OF_PROMETHEUS = ['up', 'ALERTS'];

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: { readonly runbook: string };
}

const rules = readdirSync(RULES).flatMap((name) =>
  (parse(readFileSync(join(RULES, name), 'utf8')).groups as { rules: Rule[] }[]).flatMap((group) => group.rules),
);

/** Names that have the look of metrics: in expressions they stand where no label and no function does. */
function metricsIn(expression: string): string[] {
  const bare = expression
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^{}]*\}/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, ' ');
  const names = bare.match(/(?<![\w:$])[a-zA-Z_][\w:]*(?!\s*\()(?![\w:])/g) ?? [];
  return names.filter((name) => /_|:/.test(name) || OF_PROMETHEUS.includes(name)).filter((name) => !/^__/.test(name));
}

async function known(): Promise<Set<string>> {
  const names = new Set(OF_PROMETHEUS);
  const { registry } = new Metrics();
  addSecurityMetrics(registry, { failures: { totals: new Map() }, tls: { expiries: {} } } as unknown as Security);
  const limits = { maxConnections: 1, receiveMemory: 1, sendMemory: 1 } as Config['server'];
  addTransportMetrics(registry, { usage: { connections: 0, calls: 0, receiveBytes: 0, sendBytes: 0 } }, limits);
  for (const { name, type } of await registry.getMetricsAsJSON()) {
    names.add(name);
    if (String(type) === 'histogram') for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`);
  }
  for (const { record } of rules) if (record !== undefined) names.add(record);
  return names;
}

describe('metrics that are named outside the code', () => {
  it('are read out of expressions', () => {
    const expression = 'max by (job, head) (increase(a_total{b="c_d"}[5m])) / (sum(x:y:rate5m) > 20) or up * 0';
    assert.deepEqual(metricsIn(expression), ['a_total', 'x:y:rate5m', 'up']);
  });

  it('exist: in alerts and recording rules', async () => {
    const names = await known();
    assert.ok(rules.length > 20);
    for (const { expr, alert, record } of rules) {
      for (const name of metricsIn(expr)) assert.ok(names.has(name), `${alert ?? record}: ${name}`);
    }
  });

  it('exist: in each panel, annotation and variable of the dashboards', async () => {
    const names = await known();
    const folder = join(DEPLOY, 'grafana', 'dashboards');
    const files = readdirSync(folder);
    assert.deepEqual(files.sort(), ['engine.json', 'learning.json', 'overview.json', 'serving.json']);
    for (const file of files) {
      const dashboard = JSON.parse(readFileSync(join(folder, file), 'utf8'));
      const panels = dashboard.panels.flatMap((panel: { targets?: { expr: string }[] }) => panel.targets ?? []);
      const expressions: string[] = [...panels, ...dashboard.annotations.list].map(({ expr }) => expr);
      assert.ok(expressions.length > 5, file);
      const used = expressions.flatMap(metricsIn);
      for (const { definition } of dashboard.templating.list as { definition?: string }[]) {
        const name = /^label_values\(([\w:]+)/.exec(definition ?? '')?.[1];
        if (name !== undefined) used.push(name);
      }
      for (const name of used) assert.ok(names.has(name), `${file}: ${name}`);
    }
  });

  it('exist: in the autoscaler', async () => {
    const names = await known();
    interface Scaler {
      readonly spec: {
        readonly metrics: readonly { readonly pods?: { readonly metric: { readonly name: string } } }[];
      };
    }
    const objects = render(join(DEPLOY, 'k8s', 'overlays', 'production'));
    const scaler = objects.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
    assert.ok(scaler);
    const { metrics } = (scaler as unknown as Scaler).spec;
    const wanted = metrics.flatMap(({ pods }) => (pods === undefined ? [] : [pods.metric.name]));
    assert.deepEqual(wanted, ['headwater_queue_depth']);
    for (const name of wanted) assert.ok(names.has(name), name);
  });

  it('each alert has its runbook, and each runbook its alert', () => {
    const alerts = rules.flatMap(({ alert }) => (alert === undefined ? [] : [alert])).sort();
    const pages = readdirSync(join(ROOT, 'docs', 'runbooks')).filter((name) => name !== 'README.md');
    assert.deepEqual(
      pages.sort(),
      alerts.map((alert) => `${alert}.md`),
    );
    for (const { alert, annotations } of rules) {
      if (alert !== undefined) assert.equal(annotations?.runbook, `docs/runbooks/${alert}.md`);
    }
  });
});
