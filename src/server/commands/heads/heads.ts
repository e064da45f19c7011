import type { Command } from 'commander';
import type { CommandIo } from '../command-io.js';
import { addActCommands } from './acts.js';
import { addCreate, addDelete } from './create-delete.js';
import { addExport, addImport } from './files.js';
import { addList, addShow } from './list-show.js';
import { addPin, addRollback, addUnpin } from './versions.js';
import { addWatch } from './watch.js';

/** `headwater heads …`: manages heads. */
export function addHeadsCommand(program: Command, io: CommandIo): void {
  const heads = program
    .command('heads')
    .description('manage heads')
    .addHelpText('after', '\nExample:\n  $ headwater heads list');
  addList(heads, io);
  addShow(heads, io);
  addWatch(heads, io);
  addCreate(heads, io);
  addDelete(heads, io);
  addRollback(heads, io);
  addPin(heads, io);
  addUnpin(heads, io);
  addActCommands(heads, io);
  addExport(heads, io);
  addImport(heads, io);
}
