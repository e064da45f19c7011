import type { Command } from 'commander';
import type { NatsSecurity } from '../../learner/index.js';

/** The options of a command that connects to NATS, as commander reads them: nats.* of the configuration under other names. */
export interface NatsOptions {
  readonly natsCa?: string;
  readonly natsCertificate?: string;
  readonly natsKey?: string;
  readonly natsServerName?: string;
  readonly natsCredentials?: string;
  readonly natsNkey?: string;
  readonly natsUser?: string;
  readonly natsPasswordFile?: string;
  readonly natsTokenFile?: string;
  readonly natsInboxPrefix?: string;
}

export function addNatsOptions(command: Command): Command {
  return command
    .option('--nats-ca <file>', "PEM of the authorities that sign NATS's certificate; default: those of Node.js")
    .option('--nats-certificate <file>', 'PEM of our own certificate, for a NATS that asks for one')
    .option('--nats-key <file>', 'PEM of its private key')
    .option('--nats-server-name <host>', "name that NATS's certificate must carry; default: the host of --nats")
    .option('--nats-credentials <file>', "a .creds file: a user's JWT and NKey seed")
    .option('--nats-nkey <file>', "a file with a user's NKey seed")
    .option('--nats-user <name>', 'a user with a password')
    .option('--nats-password-file <file>', 'the password of --nats-user')
    .option('--nats-token-file <file>', 'a token')
    .option('--nats-inbox-prefix <subject>', 'subject below which replies come; default: _INBOX');
}

export function natsSecurity(options: NatsOptions): NatsSecurity {
  return {
    tls: {
      ca: options.natsCa,
      certificate: options.natsCertificate,
      key: options.natsKey,
      serverName: options.natsServerName,
    },
    credentials: options.natsCredentials,
    nkey: options.natsNkey,
    user: options.natsUser,
    passwordFile: options.natsPasswordFile,
    tokenFile: options.natsTokenFile,
    inboxPrefix: options.natsInboxPrefix,
  };
}

/** The options that are given, by their names on the command line. */
export function givenNatsOptions(options: NatsOptions): string[] {
  const names: readonly (readonly [keyof NatsOptions, string])[] = [
    ['natsCa', '--nats-ca'],
    ['natsCertificate', '--nats-certificate'],
    ['natsKey', '--nats-key'],
    ['natsServerName', '--nats-server-name'],
    ['natsCredentials', '--nats-credentials'],
    ['natsNkey', '--nats-nkey'],
    ['natsUser', '--nats-user'],
    ['natsPasswordFile', '--nats-password-file'],
    ['natsTokenFile', '--nats-token-file'],
    ['natsInboxPrefix', '--nats-inbox-prefix'],
  ];
  return names.filter(([key]) => options[key] !== undefined).map(([, name]) => name);
}
