import { type ChildProcess, fork } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { HeadStatus } from '../../src/learner/index.js';
import { startTestLearning, type TestLearningOptions } from './test-learning.js';

/** The learner's side in a process of its own, which can be stopped and killed. */
export interface LearnerProcess {
  readonly pid: number;
  /** What it knows of its heads. A process that is stopped answers once it goes on. */
  heads(): Promise<HeadStatus[]>;
  readonly logged: string[];
  signal(name: NodeJS.Signals): void;
  /** Ends it cleanly. */
  close(): Promise<void>;
  kill9(): Promise<void>;
}

interface Asked {
  readonly ask: 'heads' | 'close';
}

type Told =
  | { readonly kind: 'ready' }
  | { readonly kind: 'log'; readonly line: string }
  | { readonly kind: 'heads'; readonly heads: HeadStatus[] };

/** Resolves once it is connected and knows its heads; killed with the test. */
export async function startLearnerProcess(
  t: Pick<TestContext, 'after'>,
  url: string,
  options: TestLearningOptions = {},
): Promise<LearnerProcess> {
  const child = fork(fileURLToPath(import.meta.url), [url, JSON.stringify(options)], { serialization: 'advanced' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill9 = async () => {
    child.kill('SIGCONT');
    child.kill('SIGKILL');
    await ended;
  };
  t.after(kill9);
  const logged: string[] = [];
  const waiting: ((heads: HeadStatus[]) => void)[] = [];
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the learner process ended (${code}): ${logged.join('\n')}`)));
    child.on('message', (told: Told) => {
      if (told.kind === 'ready') resolve();
      else if (told.kind === 'log') logged.push(told.line);
      else waiting.shift()?.(told.heads);
    });
  });
  const ask = (asked: Asked) => child.send(asked);
  return {
    pid: child.pid as number,
    logged,
    heads: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        ask({ ask: 'heads' });
      }),
    signal: (name) => void child.kill(name),
    close: async () => {
      ask({ ask: 'close' });
      await ended;
    },
    kill9,
  };
}

async function run(url: string, options: TestLearningOptions): Promise<void> {
  const tell = (told: Told) => (process as unknown as ChildProcess).send?.(told);
  const ends: (() => unknown)[] = [];
  const t = { after: (end: () => unknown) => void ends.push(end) } as unknown as TestContext;
  const log = (_: string, line: string) => tell({ kind: 'log', line });
  const { learning } = await startTestLearning(t, url, { ...options, log });
  process.on('message', ({ ask }: Asked) => {
    if (ask === 'heads') tell({ kind: 'heads', heads: [...learning.heads.list()] });
    else void learning.close().then(() => process.exit(0));
  });
  // The test is gone.
  process.on('disconnect', () => process.exit(1));
  tell({ kind: 'ready' });
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send) {
  await run(process.argv[2] as string, JSON.parse(process.argv[3] as string));
}
