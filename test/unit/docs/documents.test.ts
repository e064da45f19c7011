// What the pages say is there is there: links, commands and their options, configuration keys, metrics, scripts.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parse, parseAllDocuments } from 'yaml';
import { learning } from '../../../protos/index.js';
import { type Config, configKeys, parseConfig } from '../../../src/server/config/index.js';
import { configMarkdown } from '../../../src/server/config/markdown.js';
import { Metrics } from '../../../src/server/metrics/metrics.js';
import { addSecurityMetrics } from '../../../src/server/metrics/security-metrics.js';
import { addTransportMetrics } from '../../../src/server/metrics/transport-metrics.js';
import type { Security } from '../../../src/server/security/security.js';
import { codeBlocks, headwaterArguments, pages, readPage, shellLines } from '../../support/documents.js';
import { ROOT } from '../../support/repository.js';
import { runCommand } from '../../support/run-command.js';

const all = pages();
const blocks = all.flatMap(codeBlocks);
const at = ({ page, line }: { page: string; line: number }) => `${page}:${line}`;

describe('pages', () => {
  it('are found', () => {
    assert.ok(all.includes('README.md') && all.includes('docs/README.md') && all.length > 30, all.join(' '));
    assert.ok(blocks.length > 40);
  });

  it('have links that lead somewhere', () => {
    const faults: string[] = [];
    for (const page of all) {
      const text = readPage(page).replaceAll(/```[\s\S]*?```/g, '');
      for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^(?:https?|mailto):/.test(target as string)) continue;
        const [path, anchor] = (target as string).split('#');
        const file = path === '' ? join(ROOT, page) : join(ROOT, dirname(page), path as string);
        if (!existsSync(file)) faults.push(`${page}: ${target}`);
        else if (anchor && file.endsWith('.md') && !anchors(file).has(anchor)) faults.push(`${page}: ${target}`);
      }
    }
    assert.deepEqual(faults, []);
  });

  it('are all reached from the index, the README or each other', () => {
    const linked = new Set<string>();
    for (const page of all) {
      for (const [, target] of readPage(page).matchAll(/\]\(([^)#\s]+)/g))
        linked.add(join(dirname(page), target as string));
    }
    const folders = [...linked].filter((path) => !path.endsWith('.md')).map((path) => path.replace(/\/$/, ''));
    const lost = all
      .filter((page) => page.startsWith('docs/'))
      .filter((page) => !linked.has(page) && !folders.includes(dirname(page)));
    assert.deepEqual(lost, []);
  });
});

/** As GitHub makes them of headings. */
function anchors(file: string): Set<string> {
  const headings = readFileSync(file, 'utf8').matchAll(/^#{1,6} (.*)$/gm);
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  return new Set([...headings].map(([, heading]) => slug(heading as string)));
}

describe('commands on the pages', () => {
  const commands = blocks
    .filter(({ language }) => language === 'sh')
    .flatMap((block) => shellLines(block).map((command) => ({ ...block, command })));

  it('call npm scripts that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const { command, ...block } of commands) {
      const name = /^npm (?:run (\S+)|(test|start)\b)/.exec(command)?.slice(1).find(Boolean);
      if (name !== undefined) assert.ok(name in scripts, `${at(block)}: npm run ${name}`);
    }
  });

  it('call `headwater` with commands and options that there are', async () => {
    let checked = 0;
    for (const { command, ...block } of commands) {
      const words = headwaterArguments(command);
      if (words === undefined) continue;
      await checkWords(words, `${at(block)}: ${command}`);
      checked++;
    }
    assert.ok(checked > 25, `${checked} were checked`);
  });

  it('and so does the text around them', async () => {
    const faults: string[] = [];
    for (const page of all.filter((name) => name !== 'CHANGELOG.md')) {
      for (const [, quoted] of readPage(page).matchAll(/`(?:npx )?(headwater [^`]+)`/g)) {
        const words = headwaterArguments(quoted as string) ?? [];
        // `heads …` and `feed` alone stand for more; capitals for what the reader puts there.
        await checkWords(words, `${page}: ${quoted}`).catch((error: Error) => faults.push(error.message));
      }
    }
    assert.deepEqual(faults, []);
  });

  it('are runnable shell', () => {
    for (const block of blocks.filter(({ language }) => language === 'sh')) {
      const { status, stderr } = spawnSync('bash', ['-n'], { input: block.text, encoding: 'utf8' });
      assert.equal(status, 0, `${at(block)}: ${stderr}`);
    }
  });

  it('send JSON that fits the protocol', () => {
    let checked = 0;
    for (const { command, ...block } of commands.filter((one) => one.command.startsWith('grpcurl '))) {
      const [, json, call] = /-d '([^']+)' \S+ (\S+)$/.exec(command) ?? [];
      const method = call?.startsWith('headwater.v1.LearningService/') && call.split('/')[1];
      if (!method || json === undefined) continue;
      const definition = (
        learning.LearningService.service as unknown as Record<
          string,
          { requestSerialize(m: unknown): Buffer; requestDeserialize(b: Buffer): object }
        >
      )[method];
      assert.ok(definition, `${at(block)}: ${method}`);
      const back = definition.requestDeserialize(definition.requestSerialize(JSON.parse(json)));
      for (const key of Object.keys(JSON.parse(json))) assert.ok(key in back, `${at(block)}: ${key}`);
      checked++;
    }
    assert.ok(checked >= 2, `${checked} were checked`);
  });
});

const helps = new Map<string, Promise<string>>();

/** @throws AssertionError when a command or an option does not exist. */
async function checkWords(words: readonly string[], where: string): Promise<void> {
  const path = words[0] === 'heads' || words[0] === 'token' ? words.slice(0, 2) : words.slice(0, 1);
  const named = path.filter((word) => /^[a-z][a-z-]*$/.test(word));
  const key = named.join(' ');
  const help = helps.get(key) ?? runCommand(...named, '--help').then(({ status, out }) => (status === 0 ? out : ''));
  helps.set(key, help);
  const text = await help;
  assert.match(text, new RegExp(`^Usage: headwater ${key}`.trimEnd()), `${where}: no such command`);
  for (const [, option] of words.join(' ').matchAll(/(?<=^|\s)(--[a-z][a-z-]*)/g)) {
    const known = new RegExp(`(?<![\\w-])${option}(?![\\w-])`).test(text);
    assert.ok(known, `${where}: no such option: ${option}`);
  }
}

describe('configuration on the pages', () => {
  it('docs/configuration.md is what the schema says', () => {
    const message = 'run: npm run build && node scripts/write-configuration.mjs';
    assert.equal(readPage('docs/configuration.md'), configMarkdown(), message);
  });

  it('every YAML block can be parsed, and those of the configuration can be used', () => {
    const parts = new Set(configKeys.map(({ path }) => path.split('.')[0]));
    let used = 0;
    for (const block of blocks.filter(({ language }) => language === 'yaml')) {
      for (const document of parseAllDocuments(block.text)) assert.deepEqual(document.errors, [], at(block));
      const whole = parse(block.text) as object | null;
      if (whole === null || Array.isArray(whole) || !Object.keys(whole).some((key) => parts.has(key))) continue;
      try {
        parseConfig(withBackbones(block.text), { baseDir: '/nowhere', source: at(block) });
      } catch (error) {
        assert.fail(`${at(block)}: ${(error as Error).message}`);
      }
      used++;
    }
    assert.ok(used >= 4, `${used} were used`);
  });

  it('keys that are named in the text exist', () => {
    const paths = new Set(configKeys.map(({ path }) => path));
    const inner = [...paths].flatMap((path) =>
      path.split('.').map((_, index, steps) => steps.slice(0, index + 1).join('.')),
    );
    const known = new Set([...inner, ...inner.map((path) => path.replaceAll('.*', '[]'))]);
    const tops = new Set([...paths].map((path) => path.split('.')[0]));
    const faults: string[] = [];
    for (const page of all.filter((name) => name.startsWith('docs/') && !/decisions|runbooks/.test(name))) {
      for (const [, key] of readPage(page).matchAll(/`([a-z]+\.[a-zA-Z.]*[a-zA-Z])`/g)) {
        const [top] = (key as string).split('.');
        if (
          tops.has(top as string) &&
          !known.has(key as string) &&
          !/\.(?:ts|json|yaml|md|log|js|onnx)$/.test(key as string)
        ) {
          faults.push(`${page}: ${key}`);
        }
      }
    }
    assert.deepEqual(faults, []);
  });
});

/** A fragment that names a backbone which it does not show. */
function withBackbones(text: string): string {
  const { heads = [], backbones = [] } = parse(text) as { heads?: { backbone?: string }[]; backbones?: unknown[] };
  const missing = backbones.length === 0 ? [...new Set(heads.map(({ backbone }) => backbone))] : [];
  const added = missing.map((name) => `{ name: ${name}, model: none.onnx }`);
  return added.length === 0 ? text : `${text}\nbackbones: [${added.join(', ')}]\n`;
}

it('metrics that are named on the pages exist', async () => {
  const { registry } = new Metrics();
  addSecurityMetrics(registry, { failures: { totals: new Map() }, tls: { expiries: {} } } as unknown as Security);
  const limits = { maxConnections: 1, receiveMemory: 1, sendMemory: 1 } as Config['server'];
  addTransportMetrics(registry, { usage: { connections: 0, calls: 0, receiveBytes: 0, sendBytes: 0 } }, limits);
  const names = (await registry.getMetricsAsJSON()).map(({ name }) => name);
  const faults: string[] = [];
  for (const page of all) {
    for (const [name] of readPage(page).matchAll(/(?<![\w/.-])headwater_[a-z_]+(?![\w.*/-])/g)) {
      const plain = name.replace(/_(?:bucket|sum|count)$/, '');
      const known = names.some((one) => one === name || one === plain || one.startsWith(name));
      if (!known && !OTHER_NAMES.has(name)) faults.push(`${page}: ${name}`);
    }
  }
  assert.deepEqual(faults, []);
});

/** Not metrics: a parameter of streams; the prefix of inboxes and what is like it. */
const OTHER_NAMES = new Set(['headwater_error']);

describe('Python on the pages', () => {
  const python = ['/usr/bin/python3', 'python3'].find((name) => spawnSync(name, ['--version']).status === 0);
  it('can be parsed', { skip: python === undefined ? 'no python3' : false }, () => {
    const check = 'import ast, sys; ast.parse(sys.stdin.read(), type_comments=True)';
    for (const block of blocks.filter(({ language }) => /^py(?:thon)?$/.test(language))) {
      // `await` outside of a function is for the reader to put into one.
      const input = block.text.includes('await ')
        ? `async def main():\n${block.text.replaceAll(/^/gm, ' ')}`
        : block.text;
      try {
        execFileSync(python as string, ['-c', check], { input, stdio: ['pipe', 'ignore', 'pipe'] });
      } catch (error) {
        assert.fail(`${at(block)}: ${(error as { stderr: Buffer }).stderr}`);
      }
    }
  });
});

it('Go on the pages uses messages and fields that the protos have', () => {
  const protos = ['inference/grpc_service.proto', 'headwater/v1/learning.proto'].map((name) =>
    readFileSync(join(ROOT, 'protos', name), 'utf8'),
  );
  const text = protos.join('\n');
  const camel = (name: string) => name.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  const fields = new Set([...text.matchAll(/(\w+) = \d+;/g)].map(([, name]) => camel(name as string)));
  const messages = new Set([...text.matchAll(/(?:message|rpc|service) (\w+)/g)].map(([, name]) => name as string));
  const go = blocks.filter(({ language }) => language === 'go');
  assert.ok(go.length > 0);
  for (const block of go) {
    for (const [, name] of block.text.matchAll(/[{\s]([A-Z]\w+):\s/g))
      assert.ok(fields.has(name as string), `${at(block)}: ${name}`);
    for (const [, name] of block.text.matchAll(/(?:inference|headwater)\.(?:New)?(\w+?)(?:Client)?\b[({]/g)) {
      for (const part of (name as string).split('_')) assert.ok(messages.has(part), `${at(block)}: ${part}`);
    }
    for (const [, name] of block.text.matchAll(/\)\.(\w+)\(ctx,/g))
      assert.ok(messages.has(name as string), `${at(block)}: ${name}`);
  }
});
