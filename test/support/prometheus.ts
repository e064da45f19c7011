// A real Prometheus for tests: Debian's, with the rules as they ship.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { freePort } from './nats.js';
import { ROOT } from './repository.js';
import { temporaryFolder } from './test-learning.js';
import { until } from './until.js';

/** For `{ skip: prometheusMissing() }`: false when there is one, else the reason. */
export function prometheusMissing(): string | false {
  return spawnSync('prometheus', ['--version']).error === undefined ? false : 'no prometheus (Debian: prometheus)';
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** The answer to a question: `error` is what Prometheus said to one that it does not understand or can't evaluate. */
export type Answered = { readonly samples: readonly Sample[] } | { readonly error: string };

export class TestPrometheus {
  #child: ChildProcess | undefined;
  #output = '';

  private constructor(private readonly url: string) {}

  /** @param scrape the list `scrape_configs` */
  static async start(t: Pick<TestContext, 'after'>, scrape: readonly object[]): Promise<TestPrometheus> {
    const folder = temporaryFolder(t);
    const port = await freePort();
    writeRules(join(folder, 'rules'));
    const every = { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' };
    const config = { global: every, rule_files: ['rules/*.yaml'], scrape_configs: scrape };
    writeFileSync(join(folder, 'prometheus.yml'), stringify(config));
    const prometheus = new TestPrometheus(`http://127.0.0.1:${port}`);
    t.after(() => prometheus.#stop());
    const flags = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
    ];
    const child = spawn('prometheus', flags, { stdio: ['ignore', 'pipe', 'pipe'] });
    prometheus.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        prometheus.#output = `${prometheus.#output}${text}`.slice(-4_000);
      });
    }
    const ready = async () => {
      if (child.exitCode !== null) throw new Error(`prometheus ended: ${prometheus.#output}`);
      return fetch(`${prometheus.url}/-/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
    };
    await until('prometheus is ready', ready, { state: () => prometheus.#output });
    return prometheus;
  }

  /** The expression's value now. */
  async query(expression: string): Promise<Answered> {
    const body = await this.#ask('query', { query: expression });
    if (body.status !== 'success') return { error: `${body.errorType}: ${body.error}` };
    const { resultType, result } = body.data as { resultType: string; result: unknown };
    if (resultType === 'scalar') return { samples: [{ labels: {}, value: Number((result as string[])[1]) }] };
    const vector = result as { metric: Record<string, string>; value: [number, string] }[];
    return { samples: vector.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) })) };
  }

  /** What `label_values(selector, label)` is in a dashboard. */
  async labelValues(selector: string, label: string): Promise<readonly string[] | { readonly error: string }> {
    const body = await this.#ask(`label/${label}/values`, { 'match[]': selector });
    return body.status === 'success' ? (body.data as string[]) : { error: `${body.errorType}: ${body.error}` };
  }

  /** Health of each rule of the files, as Prometheus itself has evaluated them. */
  async rules(): Promise<readonly { readonly name: string; readonly health: string; readonly lastError?: string }[]> {
    const { data } = await this.#ask('rules', {});
    const { groups } = data as { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
    return groups.flatMap(({ rules }) => rules);
  }

  /** Exemplars of a selector's series within the last ten minutes. */
  async exemplars(selector: string): Promise<readonly { readonly labels: Readonly<Record<string, string>> }[]> {
    const now = Date.now() / 1000;
    const { data } = await this.#ask('query_exemplars', {
      query: selector,
      start: String(now - 600),
      end: String(now + 1),
    });
    return (data as { exemplars: { labels: Record<string, string> }[] }[]).flatMap(({ exemplars }) => exemplars);
  }

  async #ask(path: string, parameters: Record<string, string>): Promise<ApiAnswer> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`);
    return (await answer.json()) as ApiAnswer;
  }

  async #stop(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

interface ApiAnswer {
  readonly status: string;
  readonly errorType?: string;
  readonly error?: string;
  readonly data?: unknown;
}

/** The rules as they ship, but that what holds fires at once: a test can't wait for `for: 15m`. */
function writeRules(folder: string): void {
  mkdirSync(folder);
  const from = join(ROOT, 'deploy', 'prometheus', 'rules');
  for (const name of readdirSync(from)) {
    const text = readFileSync(join(from, name), 'utf8');
    writeFileSync(join(folder, name), text.replaceAll(/^( +for: ).*$/gm, '$10s'));
  }
}
