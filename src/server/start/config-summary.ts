import { parseNatsUrls } from '../../learner/index.js';
import type { Config } from '../config/index.js';

/** What a process was told to be, for its first log line: by chosen fields, so that no secret gets in with a new key. */
export function configSummary(config: Config): Record<string, unknown> {
  const { server, security, nats, backbones, heads, tracing, log } = config;
  return {
    roles: config.roles,
    dataDir: config.dataDir,
    host: server.host,
    backbones: backbones.map(({ name, model, engine, threads }) => ({ name, model, engine, threads })),
    heads: heads.length,
    nats: nats.url === null ? 'embedded' : [...parseNatsUrls(nats.url).servers],
    natsReplicas: nats.replicas,
    tls: security.tls.certificate !== null,
    clientCertificates: security.tls.clientAuth,
    tokens: security.tokens.length,
    tokensFile: security.tokensFile !== null,
    record: config.labels.record,
    traces: tracing.endpoint === null ? 'off' : { host: new URL(tracing.endpoint).host, sample: tracing.sample },
    logRequests: log.requests,
  };
}
