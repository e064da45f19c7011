// Traces on or off: OpenTelemetry is loaded only when they are on.
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import type { Config } from '../config/index.js';
import { StartError } from '../start-error.js';
import type { Tracing } from './tracing.js';

/** @returns undefined when traces are off. @throws StartError when the file of headers can't be used; none of it is quoted. */
export async function openTracing(
  { tracing }: Pick<Config, 'tracing'>,
  warn: (message: string) => void,
): Promise<Tracing | undefined> {
  const { endpoint, headersFile } = tracing;
  if (endpoint === null) return undefined;
  const headers = headersFile === null ? {} : await readHeaders(headersFile);
  const { otlpTracing } = await import('./otlp.js');
  return otlpTracing({ endpoint, headers, serviceName: tracing.serviceName, share: tracing.sample }, warn);
}

async function readHeaders(path: string): Promise<Record<string, string>> {
  let value: unknown;
  try {
    value = parse(await readFile(path, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartError(`tracing.headersFile: ${path}: ${code ? `can't be read: ${code}` : 'not valid YAML'}`);
  }
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  const isHeader = ([name, text]: [string, unknown]) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && typeof text === 'string' && /^[\t\x20-\x7e]*$/.test(text);
  if (typeof value !== 'object' || Array.isArray(value) || !entries.every(isHeader)) {
    throw new StartError(`tracing.headersFile: ${path}: expected lines of \`name: value\``);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}
