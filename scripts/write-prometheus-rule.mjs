// deploy/k8s/overlays/production/prometheus-rule.yaml from deploy/prometheus/rules: `node scripts/write-prometheus-rule.mjs`.
// A test compares the two.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const DEPLOY = fileURLToPath(new URL('../deploy', import.meta.url));
const RULES = join(DEPLOY, 'prometheus', 'rules');
export const PROMETHEUS_RULE = join(DEPLOY, 'k8s', 'overlays', 'production', 'prometheus-rule.yaml');

/** The object of the Prometheus operator, as text. */
export function prometheusRule() {
  const groups = readdirSync(RULES)
    .sort()
    .flatMap((name) => parse(readFileSync(join(RULES, name), 'utf8')).groups);
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'headwater' },
    spec: { groups },
  };
  return `# Made from deploy/prometheus/rules by scripts/write-prometheus-rule.mjs: change those.\n${stringify(rule, { lineWidth: 140 })}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(PROMETHEUS_RULE, prometheusRule());
