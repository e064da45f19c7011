// Readers of option values: each throws commander's InvalidArgumentError, which ends in exit status 2.
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Holdout } from '../data/holdout.js';

export const DEFAULT_SERVER = '127.0.0.1:8001';

export function serverOption(): Option {
  return new Option('--server <host:port>', 'the server to talk to').default(DEFAULT_SERVER).argParser(readServer);
}

/** Gives each command that has --server, also below others, the options of how it is reached. */
export function addConnectionOptions(command: Command): void {
  for (const child of command.commands) addConnectionOptions(child);
  if (!command.options.some((option) => option.long === '--server')) return;
  command
    .option('--tls', 'encrypt, and check the server by the well-known authorities')
    .option('--ca <file>', 'the authorities that may vouch for the server instead (PEM); means --tls')
    .option('--cert <file>', 'certificate of this client (PEM), with --key; means --tls')
    .option('--key <file>', 'private key of the certificate (PEM)')
    .option('--server-name <name>', "name in the server's certificate, where it is reached by another; means --tls")
    .addOption(new Option('--token-file <file>', 'file with the token to send').env('HEADWATER_TOKEN_FILE'));
}

export function jsonOption(): Option {
  return new Option('--json', 'print one JSON object as the last line of stdout');
}

export function isaOption(): Option {
  const names = ['auto', 'avx512', 'avx2', 'neon', 'scalar'];
  return new Option('--isa <name>', 'instruction set of the sparse engine (default: HEADWATER_ISA, or auto)').choices(
    names,
  );
}

export function headOption(): Option {
  return new Option('--head <name>', 'the head').argParser(readHeadName).makeOptionMandatory();
}

export function readServer(text: string): string {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65535)
    throw new InvalidArgumentError('expected host:port, as 127.0.0.1:8001.');
  return text;
}

export function readHeadName(text: string): string {
  if (!/^[a-z0-9][a-z0-9_-]{0,62}$/.test(text)) {
    throw new InvalidArgumentError('expected a name of a-z, 0-9, _ and - (63 at most, the first no _ or -).');
  }
  return text;
}

/** A reader of whole numbers from `min` to `max`. */
export function wholeNumber(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) {
      const range = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`;
      throw new InvalidArgumentError(`expected a whole number ${range}.`);
    }
    return value;
  };
}

/** A reader of numbers of at least `min`, or above it when `exclusive`. */
export function atLeast(min: number, exclusive = false): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < min || (exclusive && value === min)) {
      throw new InvalidArgumentError(`expected a number ${exclusive ? 'above' : 'of at least'} ${min}.`);
    }
    return value;
  };
}

/** Prefixes of ids: text without control characters. */
export function readRunPrefix(text: string): string {
  if (text === '' || /\p{Cc}/u.test(text)) throw new InvalidArgumentError('expected text without control characters.');
  return text;
}

/** `0.2` or `split`. */
export function readHoldout(text: string): Holdout {
  if (text === 'split') return { kind: 'split' };
  const fraction = text.trim() === '' ? Number.NaN : Number(text);
  if (!(fraction >= 0 && fraction < 1))
    throw new InvalidArgumentError('expected a fraction from 0 to below 1, or `split`.');
  return { kind: 'fraction', fraction };
}

/** Three numbers with commas. */
export function readTriple(text: string): [number, number, number] {
  const values = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [first, second, third] = values;
  if (values.length !== 3 || !values.every(Number.isFinite)) {
    throw new InvalidArgumentError('expected three numbers with commas, as 0.5,0.5,0.5.');
  }
  return [first as number, second as number, third as number];
}

/** Collects an option that may be given several times. */
export function collect(text: string, previous: readonly string[]): string[] {
  return [...previous, text];
}
