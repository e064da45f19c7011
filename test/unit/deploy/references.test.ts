// What schemas can't see: that the objects of an overlay speak of each other, and of Headwater, truly.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { type Config, parseConfig } from '../../../src/server/config/index.js';
import { exposureProblem } from '../../../src/server/security/exposure.js';
import { type KubernetesObject, render } from '../../support/kustomize.js';
import { ROOT } from '../../support/repository.js';

type Labels = Readonly<Record<string, string>>;
interface Port {
  readonly name?: string;
  readonly port?: number | string;
  readonly containerPort?: number;
  readonly targetPort?: string | number;
}
interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string; readonly scheme?: string };
}
interface Container {
  readonly name: string;
  readonly args?: readonly string[];
  readonly ports?: readonly Port[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string } }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly resources?: { readonly requests?: unknown; readonly limits?: { readonly memory?: string } };
  readonly securityContext?: Record<string, unknown>;
}
interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}
interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly seccompProfile?: object;
  };
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}
interface Workload extends KubernetesObject {
  spec: KubernetesObject['metadata'] & {
    replicas?: number;
    serviceName?: string;
    selector: { matchLabels: Record<string, string> };
    template: { metadata: { labels: Record<string, string> }; spec: never };
    volumeClaimTemplates?: { metadata: { name: string } }[];
  };
}

/** Made by hand before the overlay is applied: deploy/k8s/README.md says how. */
const MADE_BEFORE: Readonly<Record<string, { secrets: readonly string[]; configMaps: readonly string[] }>> = {
  single: { secrets: ['headwater-tls', 'headwater-tokens'], configMaps: [] },
  production: {
    secrets: ['headwater-tls', 'headwater-tokens', 'headwater-nats', 'headwater-metrics-token', 'nats-tls'],
    configMaps: ['nats-users'],
  },
};

const podOf = (workload: Workload) => workload.spec.template.spec as PodSpec;
const matches = (selector: Labels, labels: Labels) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

for (const overlay of ['single', 'production']) {
  describe(`deploy/k8s/overlays/${overlay}`, () => {
    const objects = render(join(ROOT, 'deploy', 'k8s', 'overlays', overlay));
    const ofKind = <T = KubernetesObject>(...kinds: string[]) =>
      objects.filter(({ kind }) => kinds.includes(kind)) as T[];
    const workloads = ofKind<Workload>('Deployment', 'StatefulSet');
    const headwaters = workloads.filter(
      ({ spec }) => spec.template.metadata.labels['app.kubernetes.io/name'] === 'headwater',
    );
    const before = MADE_BEFORE[overlay];
    assert.ok(before);
    const names = (...kinds: string[]) => new Set(ofKind(...kinds).map(({ metadata }) => metadata.name));

    /** The configuration that a workload's container is started with. */
    const configOf = (workload: Workload): { config: Config; folder: string } => {
      const pod = podOf(workload);
      const [container] = pod.containers;
      const path = container?.args?.at(-1) ?? '';
      const mount = container?.volumeMounts?.find(({ mountPath }) => mountPath === dirname(path));
      const map = pod.volumes.find(({ name }) => name === mount?.name)?.configMap?.name;
      const found = ofKind<KubernetesObject & { data: Record<string, string> }>('ConfigMap').find(
        ({ metadata }) => metadata.name === map,
      );
      const yaml = found?.data[path.slice(dirname(path).length + 1)];
      assert.ok(yaml, `${workload.metadata.name}: ${path} is in a config map`);
      return { config: parseConfig(yaml, { baseDir: dirname(path) }), folder: dirname(path) };
    };

    it('has configurations that Headwater accepts, whose files are mounted and whose ports are those of the container', () => {
      assert.ok(headwaters.length > 0);
      for (const workload of headwaters) {
        const { config } = configOf(workload);
        const { server, security, nats, backbones, dataDir, roles } = config;
        const protection = {
          host: server.host,
          tls: security.tls.certificate !== null,
          credentials: security.tokensFile !== null,
          insecure: security.insecure,
        };
        assert.equal(exposureProblem(protection), undefined);
        assert.equal(security.insecure, null, 'nothing is admitted to');
        const [container] = podOf(workload).containers;
        const mounts = container?.volumeMounts?.map(({ mountPath }) => mountPath) ?? [];
        const files = [security.tls.certificate, security.tls.key, security.tokensFile, nats.nkey, nats.tls.ca];
        const models = backbones
          .map(({ model }) => model)
          .filter((model) => !model.startsWith('/opt/headwater/models/'));
        for (const file of [...files, ...models]) {
          if (file !== null) assert.ok(mounts.includes(dirname(file)), `${workload.metadata.name}: ${file} is mounted`);
        }
        assert.ok(mounts.includes(dataDir), `${workload.metadata.name}: ${dataDir} is mounted`);
        const wanted = { ...(roles.includes('serve') ? { grpc: server.grpcPort } : {}), http: server.httpPort };
        const ports = Object.fromEntries((container?.ports ?? []).map((port) => [port.name, port.containerPort]));
        assert.deepEqual(ports, wanted, workload.metadata.name);
      }
    });

    it('lets a process stop: the grace is longer than all that a stop may take', () => {
      for (const workload of headwaters) {
        const { server } = configOf(workload).config;
        const preStopSeconds = 5;
        const stopSeconds = preStopSeconds + (server.drainDelay + server.drainTimeout) / 1000;
        assert.ok(podOf(workload).terminationGracePeriodSeconds > stopSeconds + 10, workload.metadata.name);
      }
    });

    it('selects the pods that it makes', () => {
      for (const { spec, metadata } of workloads) {
        assert.ok(matches(spec.selector.matchLabels, spec.template.metadata.labels), metadata.name);
      }
      type Selecting = KubernetesObject & { spec: { selector: { matchLabels: Labels } } };
      for (const { spec, metadata } of ofKind<Selecting>('PodDisruptionBudget')) {
        const selected = workloads.filter((each) =>
          matches(spec.selector.matchLabels, each.spec.template.metadata.labels),
        );
        assert.equal(selected.length, 1, `PodDisruptionBudget ${metadata.name}`);
      }
      for (const { spec } of workloads) {
        if (spec.serviceName !== undefined) assert.ok(names('Service').has(spec.serviceName), spec.serviceName);
      }
    });

    it('has services whose ports are ports of pods', () => {
      type Service = KubernetesObject & { spec: { selector: Labels; ports: Port[] } };
      const services = ofKind<Service>('Service');
      assert.ok(services.length > 0);
      for (const { spec, metadata } of services) {
        const selected = workloads.filter((each) => matches(spec.selector, each.spec.template.metadata.labels));
        assert.equal(selected.length, 1, `Service ${metadata.name} selects one workload`);
        const ports = podOf(selected[0] as Workload).containers.flatMap((container) => container.ports ?? []);
        for (const { port, targetPort } of spec.ports) {
          const target = ports.find(({ name }) => name === targetPort);
          assert.equal(target?.containerPort, port, `Service ${metadata.name}, port ${targetPort}`);
        }
      }
    });

    it('probes ports that exist, at paths that Headwater answers, over what it speaks', () => {
      for (const workload of workloads) {
        for (const { ports = [], startupProbe, livenessProbe, readinessProbe } of podOf(workload).containers) {
          const probes = [startupProbe, livenessProbe, readinessProbe];
          for (const probe of probes) {
            assert.ok(probe, `${workload.metadata.name} has all three probes`);
            assert.ok(
              ports.some(({ name }) => name === probe.httpGet.port),
              `${workload.metadata.name}: ${probe.httpGet.port}`,
            );
          }
          if (!headwaters.includes(workload)) continue;
          assert.deepEqual(
            probes.map((probe) => `${probe?.httpGet.scheme} ${probe?.httpGet.path}`),
            ['HTTPS /livez', 'HTTPS /livez', 'HTTPS /readyz'],
          );
        }
      }
    });

    it('mounts volumes that exist, from config maps, secrets and claims that exist or are to be made before', () => {
      for (const { spec, metadata } of workloads) {
        const pod = podOf({ spec, metadata } as Workload);
        const claims = (spec.volumeClaimTemplates ?? []).map((claim) => claim.metadata.name);
        const volumes = new Set([...pod.volumes.map(({ name }) => name), ...claims]);
        const containers = [...(pod.initContainers ?? []), ...pod.containers];
        for (const { volumeMounts = [], envFrom = [] } of containers) {
          for (const { name } of volumeMounts) assert.ok(volumes.has(name), `${metadata.name}: volume ${name}`);
          for (const { configMapRef } of envFrom) {
            const name = configMapRef?.name ?? '';
            assert.ok(names('ConfigMap').has(name) || before.configMaps.includes(name), `${metadata.name}: ${name}`);
          }
        }
        for (const { configMap, secret, persistentVolumeClaim } of pod.volumes) {
          if (configMap) assert.ok(names('ConfigMap').has(configMap.name), configMap.name);
          if (secret) assert.ok(before.secrets.includes(secret.secretName), secret.secretName);
          if (persistentVolumeClaim) {
            assert.ok(
              names('PersistentVolumeClaim').has(persistentVolumeClaim.claimName),
              persistentVolumeClaim.claimName,
            );
          }
        }
      }
    });

    it('runs nothing with more rights than it needs', () => {
      for (const workload of workloads) {
        const pod = podOf(workload);
        const { name } = workload.metadata;
        assert.equal(pod.enableServiceLinks, false, name);
        assert.equal(pod.automountServiceAccountToken, false, name);
        assert.equal(pod.securityContext.runAsNonRoot, true, name);
        assert.ok((pod.securityContext.runAsUser ?? 0) > 0, name);
        assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' }, name);
        if (pod.serviceAccountName) assert.ok(names('ServiceAccount').has(pod.serviceAccountName), name);
        for (const container of [...(pod.initContainers ?? []), ...pod.containers]) {
          const { securityContext, resources } = container;
          const restricted = {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          };
          assert.deepEqual(securityContext, restricted, `${name}/${container.name}`);
          assert.ok(resources?.requests && resources.limits?.memory, `${name}/${container.name} has resources`);
        }
      }
    });

    if (overlay === 'single') {
      it('never has two processes on one data directory', () => {
        const [workload] = headwaters as [Workload & { spec: { strategy: { type: string } } }];
        assert.deepEqual([workload.spec.replicas, workload.spec.strategy], [1, { type: 'Recreate' }]);
        assert.equal(configOf(workload).config.nats.url, null);
      });
      return;
    }

    it('keeps the data in three copies on the NATS that it brings, which each process can reach', () => {
      const nats = workloads.find(({ metadata }) => metadata.name === 'nats');
      assert.equal(nats?.spec.replicas, 3);
      const service: string = nats.spec.serviceName ?? '';
      const nodes: readonly string[] = ['nats-0', 'nats-1', 'nats-2'];
      for (const workload of headwaters) {
        const { url, replicas } = configOf(workload).config.nats;
        assert.equal(replicas, 3);
        assert.deepEqual(
          url,
          nodes.map((node): string => `nats://${node}.${service}:4222`),
        );
      }
    });

    it('divides the roles: serving keeps nothing and scales, learners have names', () => {
      const roles = Object.fromEntries(headwaters.map((each) => [each.kind, configOf(each).config.roles]));
      assert.deepEqual(roles, { Deployment: ['serve'], StatefulSet: ['join', 'learn'] });
      const [scaler] = ofKind<KubernetesObject & { spec: { scaleTargetRef: { kind: string; name: string } } }>(
        'HorizontalPodAutoscaler',
      );
      const { kind, name } = scaler?.spec.scaleTargetRef ?? { kind: '', name: '' };
      const target = workloads.find((each) => each.kind === kind && each.metadata.name === name);
      assert.ok(target);
      assert.equal(target.spec.replicas, undefined, 'or each `kubectl apply` would undo what the scaler decided');
    });

    it('shuts the namespace, and opens to pods that exist the ports that they have', () => {
      interface Peer {
        readonly podSelector?: { readonly matchLabels?: Labels };
      }
      interface PolicySpec {
        readonly podSelector: { readonly matchLabels?: Labels };
        readonly policyTypes: readonly string[];
        readonly ingress?: readonly { readonly from: readonly Peer[]; readonly ports: readonly Port[] }[];
        readonly egress?: readonly {
          readonly to: readonly (Peer & { namespaceSelector?: object })[];
          readonly ports: readonly Port[];
        }[];
      }
      const policies = ofKind('NetworkPolicy').map(({ spec, metadata }) => ({
        name: metadata.name,
        ...(spec as unknown as PolicySpec),
      }));
      const portsOf = (labels: Labels): Set<number | undefined> => {
        const selected = workloads.filter((each) => matches(labels, each.spec.template.metadata.labels));
        assert.ok(selected.length > 0, `pods with ${JSON.stringify(labels)}`);
        return new Set(
          selected.flatMap((each) =>
            podOf(each).containers.flatMap(({ ports = [] }) => ports.map((port) => port.containerPort)),
          ),
        );
      };
      const shut = policies.find(({ podSelector, ingress, egress }) => !podSelector.matchLabels && !ingress && !egress);
      assert.deepEqual(shut?.policyTypes, ['Ingress', 'Egress']);
      for (const { name, podSelector, ingress = [], egress = [] } of policies) {
        for (const { ports, from } of ingress) {
          for (const { port } of ports)
            assert.ok(portsOf(podSelector.matchLabels ?? {}).has(port as number), `${name}: ${port}`);
          for (const { podSelector: peer } of from) if (peer?.matchLabels) portsOf(peer.matchLabels);
        }
        for (const { to, ports } of egress) {
          for (const peer of to) {
            if (!peer.podSelector?.matchLabels || peer.namespaceSelector) continue;
            const reachable = portsOf(peer.podSelector.matchLabels);
            for (const { port } of ports) assert.ok(reachable.has(port as number), `${name}: ${port}`);
          }
        }
      }
    });

    it('lets Prometheus find every process under the job that rules and dashboards name', () => {
      const [monitor] = ofKind('ServiceMonitor');
      assert.ok(monitor);
      const { selector, endpoints, jobLabel } = monitor.spec as unknown as {
        selector: { matchLabels: Labels };
        endpoints: { port: string }[];
        jobLabel: string;
      };
      const services = ofKind<KubernetesObject & { spec: { ports: Port[] } }>('Service').filter(({ metadata }) =>
        matches(selector.matchLabels, (metadata.labels ?? {}) as Labels),
      );
      assert.deepEqual(services.map(({ metadata }) => metadata.name).sort(), ['headwater', 'headwater-learner']);
      for (const { metadata, spec } of services) {
        assert.equal((metadata.labels as Labels)[jobLabel], 'headwater');
        for (const { port } of endpoints)
          assert.ok(
            spec.ports.some(({ name }) => name === port),
            port,
          );
      }
    });
  });
}
