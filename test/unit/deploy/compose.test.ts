// deploy/compose.yaml: what it mounts exists, its ports stay on this machine, and the server accepts its configuration.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { parseConfig } from '../../../src/server/config/index.js';
import { ROOT } from '../../support/repository.js';

const DEPLOY = join(ROOT, 'deploy');
interface Service {
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: readonly string[] | Record<string, unknown>;
}
const compose = parse(readFileSync(join(DEPLOY, 'compose.yaml'), 'utf8')) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};

describe('deploy/compose.yaml', () => {
  it('mounts files and volumes that exist', () => {
    const mounted = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
    assert.ok(mounted.length > 6);
    for (const volume of mounted) {
      const [source = ''] = volume.split(':');
      if (source.startsWith('.')) assert.ok(existsSync(join(DEPLOY, source)), volume);
      else assert.ok(source in compose.volumes, volume);
    }
  });

  it('lets nobody in from another machine, since nobody is asked for credentials', () => {
    const ports = Object.values(compose.services).flatMap((service) => service.ports ?? []);
    assert.equal(ports.length, 5);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/);
  });

  it('has a configuration that the server accepts, on the services that it brings', () => {
    const config = parseConfig(readFileSync(join(DEPLOY, 'compose', 'headwater.yaml'), 'utf8'), {
      baseDir: '/etc/headwater',
    });
    assert.equal(config.nats.url, 'nats://nats:4222');
    assert.ok('nats' in compose.services);
    const ports = [config.server.grpcPort, config.server.httpPort];
    assert.deepEqual(
      compose.services.headwater?.ports,
      ports.map((port) => `127.0.0.1:${port}:${port}`),
    );
    const scraped = parse(readFileSync(join(DEPLOY, 'prometheus', 'prometheus.yml'), 'utf8')) as {
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const job = scraped.scrape_configs.find(({ job_name }) => job_name === 'headwater');
    assert.deepEqual(job?.static_configs, [{ targets: [`headwater:${config.server.httpPort}`] }]);
  });

  it('gives Grafana a data source that exists, and the dashboards', () => {
    const folder = join(DEPLOY, 'grafana', 'provisioning');
    const { datasources } = parse(readFileSync(join(folder, 'datasources', 'prometheus.yaml'), 'utf8'));
    assert.equal(datasources[0].url, 'http://prometheus:9090');
    const { providers } = parse(readFileSync(join(folder, 'dashboards', 'headwater.yaml'), 'utf8'));
    const mounts = compose.services.grafana?.volumes ?? [];
    assert.ok(mounts.includes(`./grafana/dashboards:${providers[0].options.path}:ro`));
  });
});
