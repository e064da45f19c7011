// One target's inputs in a process of their own, watched from outside: a crash, a hang and memory without bound are failures too.
import { fork } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inputOf } from './run.js';
import { targetOf } from './targets/index.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** Without progress: a hang. */
const HANG_MS = 120_000;
const WATCH_MS = 500;
/** Resident memory of the process that runs inputs. */
const MAX_MEMORY = 3 * 2 ** 30;
/** After so many the campaign ends. */
const MAX_FAILURES = 20;

export interface CampaignOptions {
  readonly seed: number;
  readonly runs: number;
  /** Where inputs that failed are written. */
  readonly folder: string;
  readonly log: (line: string) => void;
  /** Milliseconds without progress that count as a hang. */
  readonly hangMs?: number;
}

export interface CampaignResult {
  readonly runs: number;
  readonly failures: readonly { readonly index: number; readonly what: string; readonly file: string }[];
  readonly seconds: number;
  /** Most resident memory, in bytes; 0: not known on this system. */
  readonly memory: number;
}

/** Runs inputs 0 to `runs` - 1 of the target of that name: see targets/index.ts. */
export async function runCampaign(name: string, options: CampaignOptions): Promise<CampaignResult> {
  const { seed, runs, folder, log } = options;
  const target = await targetOf(name);
  const start = performance.now();
  const failures: { index: number; what: string; file: string }[] = [];
  const seeds = await target.seeds();
  let memory = 0;
  const add = (index: number, what: string) => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${target.name}-${seed}-${index}.bin`);
    writeFileSync(file, inputOf(target, seeds, seed, index));
    failures.push({ index, what, file });
    log(
      `${target.name}: seed ${seed}, index ${index}: ${what}\n  npm run fuzz -- --target ${target.name} --input ${file}`,
    );
  };
  for (let from = 0; from < runs && failures.length < MAX_FAILURES; ) {
    const part = await runPart(name, options, from, (index, what) => add(index, what));
    memory = Math.max(memory, part.memory);
    if (part.ended === undefined) from = runs;
    else {
      add(part.last, part.ended);
      from = part.last + 1;
    }
  }
  return { runs, failures, seconds: (performance.now() - start) / 1000, memory };
}

interface Part {
  /** Why it ended before its time; undefined: it did not. */
  readonly ended: string | undefined;
  /** The input that it had begun last. */
  readonly last: number;
  readonly memory: number;
}

function runPart(
  name: string,
  { seed, runs: to, hangMs = HANG_MS }: CampaignOptions,
  from: number,
  onFailure: (index: number, what: string) => void,
): Promise<Part> {
  const scratch = mkdtempSync(join(tmpdir(), 'headwater-fuzz-'));
  const file = join(scratch, 'progress');
  const worker = fork(WORKER, [name, seed, from, to, file].map(String), { execArgv: ['--max-old-space-size=1024'] });
  let count = 0;
  worker.on('message', ({ index, what }: { index: number; what: string }) => {
    onFailure(index, what);
    if (++count >= MAX_FAILURES) worker.kill('SIGKILL');
  });
  let [last, since, memory, begun] = [from, Date.now(), 0, false];
  let reason: string | undefined;
  const look = () => {
    const index = progressOf(file);
    if (index !== undefined && (index !== last || !begun)) [last, since, begun] = [index, Date.now(), true];
    const resident = residentMemory(worker.pid!);
    memory = Math.max(memory, resident);
    if (resident > MAX_MEMORY) reason ??= `the process took ${Math.round(resident / 2 ** 20)} MiB`;
    else if (Date.now() - since > (begun ? hangMs : HANG_MS)) reason ??= `no progress for ${hangMs / 1000} s: a hang`;
    if (reason !== undefined) worker.kill('SIGKILL');
  };
  const timer = setInterval(look, WATCH_MS);
  return new Promise((resolve) => {
    worker.once('exit', (code, signal) => {
      clearInterval(timer);
      last = progressOf(file) ?? last;
      rmSync(scratch, { recursive: true });
      const ended = code === 0 ? undefined : (reason ?? `the process ended: ${signal ?? `exit status ${code}`}`);
      resolve({ ended, last: ended === undefined ? to : last, memory });
    });
  });
}

function progressOf(file: string): number | undefined {
  try {
    return readFileSync(file).readDoubleLE();
  } catch {
    // Not begun yet.
    return undefined;
  }
}

function residentMemory(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]) * 4096;
  } catch {
    return 0;
  }
}
