// Reads the schema itself: which keys exist, what they are called in the environment, what help says of them.
import type { z } from 'zod';
import { shape } from './schema/index.js';

export interface ConfigKey {
  /** `server.grpcPort`; keys of list entries carry `*`: `backbones.*.model`. */
  readonly path: string;
  /** Environment name, for keys outside lists. */
  readonly environment: string | undefined;
  readonly help: string;
  /** As written in YAML; undefined when the key has to be given or has no fixed default. */
  readonly preset: string | undefined;
  /** What a value given as text has to be read as. */
  readonly reads: 'text' | 'list' | 'yaml';
}

interface Definition {
  readonly type: string;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly defaultValue?: unknown;
  readonly options?: readonly z.ZodType[];
}

const definition = (schema: z.ZodType): Definition => schema._zod.def as unknown as Definition;

/** The schema below defaults and transforms. */
function core(schema: z.ZodType): z.ZodType {
  const { innerType, in: input } = definition(schema);
  const next = innerType ?? input;
  return next === undefined ? schema : core(next);
}

function preset(schema: z.ZodType): unknown {
  const { type, defaultValue, innerType, in: input } = definition(schema);
  if (type === 'default' || type === 'prefault') return defaultValue;
  const next = innerType ?? input;
  return next === undefined ? undefined : preset(next);
}

function help(schema: z.ZodType): string {
  if (schema.description !== undefined) return schema.description;
  const { innerType, in: input } = definition(schema);
  const next = innerType ?? input;
  return next === undefined ? '' : help(next);
}

/** `server.grpcPort` as HEADWATER_SERVER_GRPC_PORT. */
function environmentName(path: string): string {
  const words = path.replace(/([a-z0-9])([A-Z])/g, '$1_$2').replace(/\./g, '_');
  return `HEADWATER_${words.toUpperCase()}`;
}

function reads(schema: z.ZodType): ConfigKey['reads'] {
  const { type, options } = definition(core(schema));
  if (type === 'string' || type === 'enum') return 'text';
  if (type === 'array') return definition(core(definition(core(schema)).element!)).type === 'object' ? 'yaml' : 'list';
  const kinds = (options ?? []).map((option) => definition(core(option)).type);
  return kinds.includes('array') && (kinds.includes('string') || kinds.includes('literal')) ? 'list' : 'yaml';
}

function collect(schema: z.ZodType, path: string, into: ConfigKey[]): void {
  const { type, shape: fields, element } = definition(core(schema));
  if (type === 'object') {
    for (const [key, field] of Object.entries(fields!)) collect(field, path === '' ? key : `${path}.${key}`, into);
    return;
  }
  const given = preset(schema);
  into.push({
    path,
    environment: path.includes('*') ? undefined : environmentName(path),
    help: help(schema),
    preset: given === undefined ? undefined : typeof given === 'string' ? given : JSON.stringify(given),
    reads: reads(schema),
  });
  if (type === 'array' && definition(core(element!)).type === 'object') collect(element!, `${path}.*`, into);
}

/** Every key, in the order of the schema. */
export const configKeys: readonly ConfigKey[] = (() => {
  const keys: ConfigKey[] = [];
  collect(shape, '', keys);
  return Object.freeze(keys);
})();

/** The keys that exist at a path, such as ['server'] or ['backbones', 0]; empty when nothing can be below it. */
export function keysAt(path: readonly PropertyKey[]): string[] {
  let schema: z.ZodType | undefined = shape;
  for (const step of path) {
    const { shape: fields, element }: Definition = definition(core(schema));
    schema = fields === undefined ? element : fields[String(step)];
    if (schema === undefined) return [];
  }
  return Object.keys(definition(core(schema)).shape ?? {});
}

/** One line a key: what it is, its default and its name in the environment. */
export function configHelp(): string {
  return configKeys
    .map(({ path, preset: value, help: what, environment }) => {
      const parts = [value === undefined ? undefined : `default ${value}`, environment].filter((part) => part);
      return `${path}\n    ${what}${parts.length > 0 ? ` (${parts.join('; ')})` : ''}`;
    })
    .join('\n');
}
