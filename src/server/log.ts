import { type DestinationStream, type Logger, pino } from 'pino';
import { escapeJson } from './text/json.js';
import { shorten } from './text/unsafe.js';

/** Characters of one text in a log line: errors of strangers' making may be as long as a message. */
const MOST_CHARACTERS = 8_000;

/**
 * The process's log: a line of JSON each. Texts of strangers stand in it (class names, ids, errors), and people read logs on terminals: what is no
 * visible text is written as JSON's escapes, and long texts are cut.
 *
 * @param to Where lines go; stderr unless a test says otherwise.
 */
export function createLog(level: string, to: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      base: { name: 'headwater' },
      level,
      formatters: { log: cutFields },
      hooks: {
        logMethod(parameters, method) {
          const cut = parameters.map((part) => (typeof part === 'string' ? shorten(part, MOST_CHARACTERS) : part));
          method.apply(this, cut as typeof parameters);
        },
      },
    },
    { write: (line) => to.write(`${escapeJson(line.replace(/\n$/, ''))}\n`) },
  );
}

function cutFields(fields: Record<string, unknown>): Record<string, unknown> {
  const cut: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(fields)) {
    cut[key] = value instanceof Error ? cutError(pino.stdSerializers.err(value)) : cutText(value);
  }
  return cut;
}

function cutError(error: object): object {
  return Object.fromEntries(Object.entries(error).map(([key, value]) => [key, cutText(value)]));
}

function cutText(value: unknown): unknown {
  return typeof value === 'string' ? shorten(value, MOST_CHARACTERS) : value;
}
