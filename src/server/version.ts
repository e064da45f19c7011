import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolder } from './package-folder.js';

/** The version in package.json. */
export const packageVersion: string = (
  JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as { version: string }
).version;
