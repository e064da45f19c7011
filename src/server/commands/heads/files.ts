// Heads as files, to move them between installations.
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { ServiceCalls } from '../../../client/shared.js';
import { Failure } from '../../client/failure.js';
import { byteSize } from '../../terminal/numbers.js';
import type { CommandIo } from '../command-io.js';
import { jsonOption, readHeadName, serverOption, wholeNumber } from '../options.js';
import { addNewHeadOptions, type NewHeadOptions, newHead } from './new-head-options.js';
import { type CommonOptions, printResult, withClient } from './with-client.js';

const CHUNK_BYTES = 256 * 1024;

interface ExportOptions extends CommonOptions {
  readonly version: number;
  readonly force?: true;
}

export function addExport(heads: Command, io: CommandIo): void {
  heads
    .command('export')
    .description('write a version of a head to a safetensors file')
    .argument('<name>', 'the head', readHeadName)
    .argument('<file>', 'where to write it')
    .option('--version <n>', 'a version that `heads show` lists; 0: the one being served', wholeNumber(0), 0)
    .option('--force', 'overwrite the file')
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText('after', '\nExample:\n  $ headwater heads export flowers flowers.safetensors')
    .action((name: string, file: string, options: ExportOptions) =>
      withClient(options, async (client) => {
        if (!options.force && (await exists(file))) {
          throw new Failure(`heads export: ${file} exists; add --force to overwrite it, or name another file`);
        }
        const { version, bytes } = await writeWhole(client, name, options.version, file);
        const line = `wrote version ${version} of ${name} to ${file} (${byteSize(bytes)})`;
        printResult(io, options, { exported: name, version, file, bytes }, [line]);
      }),
    );
}

export function addImport(heads: Command, io: CommandIo): void {
  addNewHeadOptions(
    heads
      .command('import')
      .description("create a head that begins with an exported one's weights, as its candidate `imported`")
      .argument('<name>', 'the new head', readHeadName)
      .argument('<file>', 'a file that `heads export` wrote'),
  )
    .addOption(serverOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      '\nExample:\n  $ headwater heads import flowers2 flowers.safetensors --backbone mobilenet --server other:8001',
    )
    .action((name: string, file: string, options: NewHeadOptions & CommonOptions) =>
      withClient(options, async (client) => {
        const { size } = await stat(file);
        const chunks = createReadStream(file, { highWaterMark: CHUNK_BYTES });
        const head = await client.importHead(newHead(name, options), size, chunks);
        printResult(io, options, head, [`created ${name} on ${options.backbone} from ${file}`]);
      }),
    );
}

/** Writes beside the file first: it is there as a whole or not at all. @throws Failure when the stream ends too early. */
async function writeWhole(
  client: ServiceCalls,
  name: string,
  wanted: number,
  file: string,
): Promise<{ readonly version: number; readonly bytes: number }> {
  const partial = `${file}.part`;
  const output = await open(partial, 'w');
  try {
    let version = 0;
    let total = 0;
    let bytes = 0;
    for await (const message of client.exportHead(name, wanted)) {
      if (bytes === 0) [version, total] = [message.version, message.totalBytes];
      await output.write(message.chunk);
      bytes += message.chunk.length;
    }
    if (bytes !== total) throw new Failure(`heads export: ${bytes} of ${total} bytes came; try again`);
    await output.close();
    await rename(partial, file);
    return { version, bytes };
  } catch (error) {
    await output.close().catch(() => {});
    await rm(partial, { force: true });
    throw error;
  }
}

function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
