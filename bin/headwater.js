#!/usr/bin/env node
// The command line's entry: finds the build and hands over. Nothing else lives here.
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/server/cli.js', import.meta.url);

if (!existsSync(main)) {
  console.error('headwater: it has not been built yet: run `npm run setup` in its folder');
  process.exitCode = 1;
} else {
  const cli = await import(main.href);
  // The exit status is only noted: process.exit() would cut off output that is still on its way through a pipe.
  process.exitCode = await cli.main(process.argv.slice(2));
}
