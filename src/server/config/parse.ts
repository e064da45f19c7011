import { resolve } from 'node:path';
import type { z } from 'zod';
import { ConfigError, withoutValue } from './error.js';
import { keysAt } from './keys.js';
import { movedKey } from './moved-keys.js';
import { nearest } from './nearest.js';
import { assign, environmentOverrides, isFromSet, parseSet } from './overlay.js';
import { type Config, shape } from './schema/index.js';
import { readYaml, type YamlError } from './yaml.js';

export interface ParseOptions {
  /** The environment; only names that map to a key are looked at. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** `KEY=VALUE` of each `--set`; later ones win. */
  readonly set?: readonly string[];
  /** Folder that relative paths (dataDir, models, files of nats, nats.serverBinary with a slash) start from. */
  readonly baseDir: string;
  /** What problems are prefixed with. */
  readonly source?: string;
}

/**
 * Reads YAML into a checked, frozen configuration: defaults < text < environment < `set`. Pure.
 * @throws ConfigError with a line for every problem.
 */
export function parseConfig(text: string, options: ParseOptions): Config {
  const source = options.source ?? 'configuration';
  const tree = readTree(text, source);
  const origins = new Map<string, string>();
  const overrides = [...environmentOverrides(options.env ?? {}), ...(options.set ?? []).map(parseSet)];
  for (const [path, value, origin] of overrides) {
    assign(tree, path, value, origin);
    origins.set(path, origin);
  }
  const result = shape.safeParse(tree);
  if (!result.success) {
    const { issues } = result.error;
    throw new ConfigError(
      issues.flatMap((issue) => describe(issue, source, origins)),
      { wrongUsage: issues.every((issue) => placesOf(issue).every((path) => isFromSet(originOf(path, origins)))) },
    );
  }
  return deepFreeze(withAbsolutePaths(result.data, options.baseDir));
}

function readTree(text: string, source: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = readYaml(text);
  } catch (error) {
    const { line, message } = error as YamlError;
    const where = line === undefined ? '' : `:${line}`;
    throw new ConfigError([`${source}${where}: not valid YAML: ${message}`], { cause: error });
  }
  if (value === null || value === undefined) return {};
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new ConfigError([`${source}: expected keys such as "backbones:", got ${JSON.stringify(value).slice(0, 80)}`]);
  }
  return value as Record<string, unknown>;
}

type Path = readonly PropertyKey[];

/** The keys that an issue is about. */
function placesOf(issue: z.core.$ZodIssue): Path[] {
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

/** Which override a key comes from: one of the key itself, of what is around it, or of what is in it. */
function originOf(path: Path, origins: ReadonlyMap<string, string>): string | undefined {
  const steps = path.map(String);
  for (let length = steps.length; length > 0; length--) {
    const origin = origins.get(steps.slice(0, length).join('.'));
    if (origin !== undefined) return origin;
  }
  if (steps.length === 0) return undefined;
  const inside = `${steps.join('.')}.`;
  return [...origins].find(([key]) => key.startsWith(inside))?.[1];
}

function describe(issue: z.core.$ZodIssue, source: string, origins: ReadonlyMap<string, string>): string[] {
  const place = (path: Path) => {
    const key = path.map(String).join('.');
    return `${originOf(path, origins) ?? source}: ${key === '' ? 'the top level' : key}`;
  };
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(issue.path);
    return issue.keys.map((key) => {
      const moved = movedKey([...issue.path, key]);
      if (moved !== undefined) return `${place([...issue.path, key])}: ${moved}`;
      const meant = nearest(key, known);
      const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
      return `${place([...issue.path, key])}: unknown key${hint} Expected one of: ${known.join(', ')}`.replace(
        'key Expected',
        'key; expected',
      );
    });
  }
  const message = issue.message.startsWith('Invalid input') ? plain(issue) : issue.message;
  const [section, list] = issue.path;
  const inTokens = section === 'security' && list === 'tokens';
  return [`${place(issue.path)}: ${inTokens ? withoutValue(message) : message}`];
}

/** Zod's own words, for structure (an object where a list belongs, ...). */
function plain(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type') return issue.message;
  const keys = keysAt(issue.path);
  const kind = issue.expected === 'object' && keys.length > 0 ? `keys (${keys.join(', ')})` : `${issue.expected}`;
  return `expected ${kind}${issue.input === undefined ? '' : `, got ${JSON.stringify(issue.input).slice(0, 80)}`}`;
}

function withAbsolutePaths(config: z.output<typeof shape>, baseDir: string): z.output<typeof shape> {
  const binary = config.nats.serverBinary;
  const { folder } = config.repository;
  const file = (path: string | null) => (path === null ? null : resolve(baseDir, path));
  const { tls, credentials, nkey, passwordFile, tokenFile } = config.nats;
  return {
    ...config,
    dataDir: resolve(baseDir, config.dataDir),
    nats: {
      ...config.nats,
      serverBinary: binary?.includes('/') ? resolve(baseDir, binary) : binary,
      tls: { ...tls, ca: file(tls.ca), certificate: file(tls.certificate), key: file(tls.key) },
      credentials: file(credentials),
      nkey: file(nkey),
      passwordFile: file(passwordFile),
      tokenFile: file(tokenFile),
    },
    security: withAbsoluteSecurityPaths(config.security, baseDir),
    repository: { folder: folder === null ? null : resolve(baseDir, folder) },
    tracing: { ...config.tracing, headersFile: file(config.tracing.headersFile) },
    backbones: config.backbones.map((entry) => ({ ...entry, model: resolve(baseDir, entry.model) })),
  };
}

function withAbsoluteSecurityPaths(security: z.output<typeof shape>['security'], baseDir: string) {
  const absolute = (path: string | null) => (path === null ? null : resolve(baseDir, path));
  const { tls, tokensFile } = security;
  const { certificate, key, clientCa } = tls;
  return {
    ...security,
    tls: { ...tls, certificate: absolute(certificate), key: absolute(key), clientCa: absolute(clientCa) },
    tokensFile: absolute(tokensFile),
  };
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) deepFreeze(inner);
    Object.freeze(value);
  }
  return value;
}
