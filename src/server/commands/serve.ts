import type { Command } from 'commander';
import { type CommandIo, printLines } from './command-io.js';
import { collect } from './options.js';

/** `headwater serve`: runs until a signal ends it. */
export function addServeCommand(program: Command, io: CommandIo, setStatus: (status: number) => void): void {
  program
    .command('serve')
    .description('run the service until Ctrl-C or SIGTERM')
    .option('--config <file>', 'configuration file (YAML)', 'headwater.yaml')
    .option('--set <key=value>', 'override a key of the configuration; may be given several times', collect, [])
    .option('--keys', 'list the keys of the configuration and exit')
    .addHelpText(
      'after',
      '\nExample:\n  $ headwater serve --config headwater.yaml --set server.grpcPort=9001\n' +
        '\nEach key can also be set in the environment: HEADWATER_SERVER_GRPC_PORT=9001.',
    )
    .action(async (options: { config: string; set: string[]; keys?: true }) => {
      // Loaded here only: the other commands need neither ONNX Runtime nor what reads the configuration.
      const { configHelp, loadConfig } = await import('../config/index.js');
      if (options.keys) {
        printLines(io.out, configHelp().split('\n'));
        return;
      }
      const config = await loadConfig(options.config, { set: options.set });
      const { runServer } = await import('../run.js');
      setStatus(await runServer(config));
    });
}
