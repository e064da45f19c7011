// Lays the environment and `--set` over what the file says, before the schema sees it.
import { ConfigError } from './error.js';
import { type ConfigKey, configKeys } from './keys.js';
import { readYaml } from './yaml.js';

type Tree = Record<string, unknown>;

const SET = '--set ';

/** Whether a value's source, as the functions here name it, is the command line. */
export function isFromSet(source: string | undefined): boolean {
  return source?.startsWith(SET) ?? false;
}

/** Names that were given away before the rule was made, or that the interface promises. */
const ALIASES: Readonly<Record<string, string>> = { HEADWATER_ISA: 'engine.isa' };

/** Values of the environment by key. Only names that map to a key are read: Kubernetes puts other HEADWATER_* there. */
export function environmentOverrides(env: Readonly<Record<string, string | undefined>>): [string, unknown, string][] {
  const overrides: [string, unknown, string][] = [];
  for (const [alias, path] of Object.entries(ALIASES)) {
    const value = env[alias];
    if (value !== undefined && value !== '') overrides.push([path, read(path, value, alias), alias]);
  }
  for (const { path, environment } of configKeys) {
    const value = environment === undefined ? undefined : env[environment];
    if (environment === undefined || value === undefined || value === '') continue;
    overrides.push([path, read(path, value, environment), environment]);
  }
  return overrides;
}

/** `server.grpcPort=9001` as path and value. @throws ConfigError when there is no `=`. */
export function parseSet(assignment: string): [string, unknown, string] {
  const at = assignment.indexOf('=');
  if (at <= 0) {
    throw new ConfigError([`${SET}${assignment}: expected KEY=VALUE, such as --set server.grpcPort=9001`], {
      wrongUsage: true,
    });
  }
  const path = assignment.slice(0, at).trim();
  const source = `${SET}${path}`;
  return [path, read(path, assignment.slice(at + 1), source), source];
}

function read(path: string, text: string, source: string): unknown {
  const key = configKeys.find((candidate) => matches(candidate, path));
  if (key?.reads === 'text') return text === 'null' ? null : text;
  let value: unknown;
  try {
    value = readYaml(text);
  } catch {
    // Not shown: it may be a URL with credentials.
    throw new ConfigError([`${source}: this is not a YAML value`], { wrongUsage: isFromSet(source) });
  }
  if (key?.reads === 'list' && typeof value === 'string' && (value.includes(',') || key.path === 'roles')) {
    return value.split(',').map((entry) => entry.trim());
  }
  return value;
}

function matches(key: ConfigKey, path: string): boolean {
  const steps = path.split('.');
  const pattern = key.path.split('.');
  return pattern.length === steps.length && pattern.every((step, index) => step === '*' || step === steps[index]);
}

/** Puts `value` at `path` into `tree`; steps into lists are indexes. @throws ConfigError when the path leads nowhere. */
export function assign(tree: Tree, path: string, value: unknown, source: string): void {
  const steps = path.split('.');
  const refuse = (problem: string) => new ConfigError([`${source}: ${problem}`], { wrongUsage: isFromSet(source) });
  if (steps.some((step) => step === '' || step === '__proto__')) throw refuse(`"${path}" is not a key`);
  let node: Tree | unknown[] = tree;
  for (const [index, step] of steps.entries()) {
    const last = index === steps.length - 1;
    if (Array.isArray(node)) {
      const at = Number(step);
      if (!Number.isInteger(at) || at < 0 || at >= node.length) {
        const range = node.length === 0 ? 'the list is empty' : `the list has entries 0 to ${node.length - 1}`;
        throw refuse(`${steps.slice(0, index + 1).join('.')}: ${range}`);
      }
      if (last) node[at] = value;
      else node = node[at] as Tree;
      continue;
    }
    if (last) {
      node[step] = value;
      continue;
    }
    const next: unknown = node[step];
    if (next === undefined || next === null) node[step] = {};
    else if (typeof next !== 'object') {
      throw refuse(`${steps.slice(0, index + 1).join('.')} has no keys of its own`);
    }
    node = node[step] as Tree;
  }
}
