// Writes docs/configuration.md from the schema: run it after a key was added or changed (npm run build first).
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { configMarkdown } = await import('../dist/src/server/config/markdown.js');
writeFileSync(fileURLToPath(new URL('../docs/configuration.md', import.meta.url)), configMarkdown());
