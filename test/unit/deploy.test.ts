// deploy/k8s/headwater.yaml: what its parts say about each other is true, and the server accepts its configuration.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { parseConfig } from '../../src/server/config/index.js';
import { exposureProblem } from '../../src/server/security/exposure.js';
import { ROOT } from '../support/repository.js';

interface Port {
  readonly name: string;
  readonly containerPort?: number;
  readonly port?: number;
  readonly targetPort?: string;
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme?: string };
}
interface Container {
  readonly args: readonly string[];
  readonly ports: readonly Port[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly securityContext: Record<string, unknown>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}
interface PodSpec {
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: { readonly runAsNonRoot: boolean; readonly runAsUser: number };
  readonly containers: readonly [Container];
  readonly volumes: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
    readonly persistentVolumeClaim?: { readonly claimName: string };
  }[];
}
type Labels = Readonly<Record<string, string>>;
interface Manifests {
  readonly ConfigMap: { readonly metadata: { readonly name: string }; readonly data: Record<string, string> };
  readonly PersistentVolumeClaim: { readonly metadata: { readonly name: string } };
  readonly Deployment: {
    readonly spec: {
      readonly replicas: number;
      readonly strategy: { readonly type: string };
      readonly selector: { readonly matchLabels: Labels };
      readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: PodSpec };
    };
  };
  readonly Service: { readonly spec: { readonly selector: Labels; readonly ports: readonly Port[] } };
}

const text = readFileSync(join(ROOT, 'deploy', 'k8s', 'headwater.yaml'), 'utf8');
const documents = parseAllDocuments(text);
const manifests = Object.fromEntries(
  documents.map((document) => {
    const manifest = document.toJS();
    return [manifest.kind, manifest];
  }),
) as unknown as Manifests;
const { ConfigMap, PersistentVolumeClaim, Deployment, Service } = manifests;
const pod = Deployment.spec.template.spec;
const [container] = pod.containers;
const configName = basename(container.args.at(-1) ?? '');

function config() {
  const yaml = ConfigMap.data[configName];
  assert.ok(yaml, `the ConfigMap has no ${configName}, which the container's arguments name`);
  return parseConfig(yaml, { baseDir: '/etc/headwater' });
}

/** The path at which the container sees the volume that `is` recognises. */
function mountOf(is: (volume: PodSpec['volumes'][number]) => boolean): string | undefined {
  const volume = pod.volumes.find(is);
  return container.volumeMounts.find((mount) => mount.name === volume?.name)?.mountPath;
}

describe('deploy/k8s/headwater.yaml', () => {
  it('is valid YAML and has one of each kind', () => {
    for (const document of documents) assert.deepEqual(document.errors, []);
    assert.equal(documents.length, 4);
    assert.deepEqual(Object.keys(manifests).sort(), ['ConfigMap', 'Deployment', 'PersistentVolumeClaim', 'Service']);
  });

  it('has a configuration that the server accepts, listening where probes and service look', () => {
    const { server, backbones, heads } = config();
    const ports = Object.fromEntries(container.ports.map((port) => [port.name, port.containerPort]));
    assert.deepEqual(ports, { grpc: server.grpcPort, http: server.httpPort });
    assert.equal(server.host, '0.0.0.0');
    assert.ok(backbones.length > 0 && heads.length > 0);
  });

  it('selects the pods that it makes, and sends ports to ports that exist', () => {
    const { labels } = Deployment.spec.template.metadata;
    for (const selector of [Deployment.spec.selector.matchLabels, Service.spec.selector]) {
      assert.ok(Object.keys(selector).length > 0);
      for (const [key, value] of Object.entries(selector)) assert.equal(labels[key], value);
    }
    for (const { name, port, targetPort } of Service.spec.ports) {
      const target = container.ports.find((candidate) => candidate.name === targetPort);
      assert.equal(target?.containerPort, port, `port ${name} of the service`);
    }
    assert.equal(Service.spec.ports.length, 2);
  });

  it('probes what the HTTP port answers', () => {
    const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
    assert.deepEqual(
      probes.map(({ httpGet }) => `${httpGet.scheme} ${httpGet.port}${httpGet.path}`),
      ['HTTPS http/livez', 'HTTPS http/livez', 'HTTPS http/readyz'],
    );
  });

  it('mounts its configuration and its data where the server is told to look', () => {
    const configFolder = mountOf((volume) => volume.configMap?.name === ConfigMap.metadata.name);
    assert.deepEqual(container.args, ['serve', '--config', `${configFolder}/${configName}`]);
    const claim = PersistentVolumeClaim.metadata.name;
    assert.equal(
      mountOf((volume) => volume.persistentVolumeClaim?.claimName === claim),
      config().dataDir,
    );
    const volumes = new Set(pod.volumes.map((volume) => volume.name));
    for (const mount of container.volumeMounts) assert.ok(volumes.has(mount.name), `volume ${mount.name}`);
  });

  it('listens beyond loopback with TLS and tokens from Secrets, without admitting to anything', () => {
    const { server, security } = config();
    const { tls, tokensFile, insecure } = security;
    const protection = { host: server.host, tls: tls.certificate !== null, credentials: tokensFile !== null, insecure };
    assert.equal(exposureProblem(protection), undefined);
    assert.equal(insecure, null);
    for (const [secretName, files] of [
      ['headwater-tls', [tls.certificate, tls.key]],
      ['headwater-tokens', [tokensFile]],
    ] as const) {
      const folder = mountOf((volume) => volume.secret?.secretName === secretName);
      assert.ok(folder !== undefined, `${secretName} is mounted`);
      for (const file of files) assert.equal(dirname(file ?? ''), folder);
    }
  });

  it('never has two processes on one data directory, and gives a stop the time it needs', () => {
    assert.deepEqual([Deployment.spec.replicas, Deployment.spec.strategy.type], [1, 'Recreate']);
    assert.ok(pod.terminationGracePeriodSeconds * 1000 > config().server.drainTimeout);
  });

  it('runs without root, and without variables that look like configuration', () => {
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.ok(pod.securityContext.runAsUser > 0);
    assert.equal(container.securityContext.allowPrivilegeEscalation, false);
    assert.equal(pod.enableServiceLinks, false);
  });
});
