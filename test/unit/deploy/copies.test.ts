// kustomize reads nothing outside its folder, so two files stand twice; promtool tests the alerts themselves.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { ROOT } from '../../support/repository.js';

const PRODUCTION = join(ROOT, 'deploy', 'k8s', 'overlays', 'production');

it('the PrometheusRule is made from the rules: node scripts/write-prometheus-rule.mjs', async () => {
  const { prometheusRule, PROMETHEUS_RULE } = await import(join(ROOT, 'scripts', 'write-prometheus-rule.mjs'));
  assert.equal(readFileSync(PROMETHEUS_RULE, 'utf8'), prometheusRule());
});

it("NATS's accounts are those of deploy/nats, which are tested", () => {
  const ready = readFileSync(join(ROOT, 'deploy', 'nats', 'headwater-accounts.conf'), 'utf8');
  assert.equal(readFileSync(join(PRODUCTION, 'nats', 'headwater-accounts.conf'), 'utf8'), ready);
});

const promtool = spawnSync('promtool', ['--version']).error === undefined;
it('alerts fire when they should, and not when they should not', {
  skip: !promtool && 'no promtool (Debian: prometheus)',
}, () => {
  const tests = join(ROOT, 'deploy', 'prometheus', 'tests', 'alerts.yaml');
  const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', tests], { encoding: 'utf8' });
  assert.equal(status, 0, `${stdout}${stderr}`);
});
