// Configuration: the public face. Nothing else in the server reads the environment.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError } from './error.js';
import { parseConfig } from './parse.js';
import type { Config } from './schema/index.js';

export { ConfigError } from './error.js';
export { NAME_PATTERN, NAME_RULE } from './fields.js';
export { type ConfigKey, configHelp, configKeys } from './keys.js';
export { type ParseOptions, parseConfig } from './parse.js';
export {
  type BackboneConfig,
  type Config,
  checkClassNames,
  DEFAULT_HEAD,
  type HeadConfig,
  type LearnerChoice,
  readLearnerChoice,
  servable,
} from './schema/index.js';

export { parseTokens } from './tokens-file.js';

export interface LoadOptions {
  /** `KEY=VALUE` of each `--set`. */
  readonly set?: readonly string[];
  /** Default: the environment of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads a YAML file, then the environment, then `set`. Relative paths in any of them start at the file's folder.
 * @throws ConfigError when the file can't be read or something in it can't be used.
 */
export async function loadConfig(path: string, options: LoadOptions = {}): Promise<Config> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : String(code);
    throw new ConfigError([`${path}: can't read the configuration: ${reason}. Give its path with --config FILE`], {
      cause: error,
    });
  }
  return parseConfig(text, {
    env: options.env ?? process.env,
    set: options.set ?? [],
    baseDir: dirname(resolve(path)),
    source: path,
  });
}

/** `engine.isa` as the environment has it: for commands that read no configuration file. @throws ConfigError for no such isa. */
export function isaOfEnvironment(env: LoadOptions['env'] = process.env): Config['engine']['isa'] {
  const { HEADWATER_ISA, HEADWATER_ENGINE_ISA } = env;
  const options = { env: { HEADWATER_ISA, HEADWATER_ENGINE_ISA }, set: [], baseDir: '.', source: 'environment' };
  return parseConfig('', options).engine.isa;
}
