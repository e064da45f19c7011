// The configuration reference, docs/configuration.md, from the schema itself.
import { type ConfigKey, configKeys } from './keys.js';

const HEAD = `# Configuration

Made from the schema by \`node scripts/write-configuration.mjs\`; a test compares it. \`headwater serve --keys\` prints the same.

A configuration is one YAML file (\`headwater serve --config headwater.yaml\`). Unknown keys are errors, and the message names the nearest key that there is. Over the
file lies the environment, and over that \`--set KEY=VALUE\`. Relative paths start at the file's folder. Durations are written as \`500ms\`, \`30s\`, \`24h\`, \`30d\`;
sizes as \`64MiB\`, \`4GiB\`. Of the environment only the names below are read (\`HEADWATER_ISA\` is \`engine.isa\`), and keys of list entries (\`backbones.*\`, a
star) have none: set the whole list, as in \`--set 'heads=[{ name: pets, backbone: tiny }]'\`.
`;

/** docs/configuration.md: a table for each part of the file. */
export function configMarkdown(keys: readonly ConfigKey[] = configKeys): string {
  const parts = new Map<string, ConfigKey[]>();
  for (const key of keys) {
    const part = key.path.includes('.') ? key.path.slice(0, key.path.indexOf('.')) : '';
    const name = part === '' && keys.some(({ path }) => path.startsWith(`${key.path}.`)) ? key.path : part;
    parts.set(name, [...(parts.get(name) ?? []), key]);
  }
  const tables = [...parts].map(([part, entries]) => {
    const title = part === '' ? 'The whole' : `\`${part}\``;
    return `\n## ${title}\n\n| key | default | what it is | environment |\n|---|---|---|---|\n${entries.map(row).join('\n')}\n`;
  });
  return HEAD + tables.join('');
}

function row({ path, preset, help, environment }: ConfigKey): string {
  const cells = [
    code(path),
    preset === undefined ? '' : code(preset),
    help,
    environment === undefined ? '' : code(environment),
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function code(text: string): string {
  return text === '' ? '(empty)' : `\`${text}\``;
}
