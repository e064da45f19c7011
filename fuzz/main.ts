// The command: see docs/fuzzing.md.
//
//   npm run fuzz -- [--target NAME] [--runs N] [--seed S] [--out FOLDER]
//   npm run fuzz -- --target NAME --input FILE        one input again
//   npm run fuzz -- --target NAME --seed S --index I   one input again
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.js';
import { inputOf, runInput } from './run.js';
import type { FuzzTarget } from './target.js';
import { TARGET_NAMES, targetOf } from './targets/index.js';

const RUNS = 100_000;

const text = { type: 'string' } as const;
const { values } = parseArgs({
  options: { target: text, runs: text, seed: text, out: text, input: text, index: text },
});
const chosen = values.target === undefined ? TARGET_NAMES : [values.target];
const seed = Number(values.seed ?? 1);

if (!chosen.every((name) => TARGET_NAMES.includes(name))) {
  console.error(`fuzz: no target ${values.target}; there are ${TARGET_NAMES.join(', ')}`);
  process.exitCode = 2;
} else if (values.input !== undefined || values.index !== undefined) {
  if (values.target === undefined) throw new Error('fuzz: --input and --index need --target');
  process.exitCode = await runOne(await targetOf(chosen[0]!));
} else {
  for (const name of chosen) await runWhole(name);
}

async function runOne(target: FuzzTarget): Promise<number> {
  const input =
    values.input === undefined
      ? inputOf(target, await target.seeds(), seed, Number(values.index))
      : readFileSync(values.input);
  const subject = await target.open();
  const what = (await runInput(subject, input)) ?? (await runCheck(subject.check?.bind(subject)));
  await subject.close();
  console.log(what ?? `${target.name}: ${input.length} bytes: no failure`);
  return what === undefined ? 0 : 1;
}

async function runCheck(check: (() => Promise<void>) | undefined): Promise<string | undefined> {
  return check?.().then(
    () => undefined,
    (error) => String(error),
  );
}

async function runWhole(name: string): Promise<void> {
  const runs = Number(values.runs ?? RUNS);
  const folder = values.out ?? 'data/fuzz';
  const result = await runCampaign(name, { seed, runs, folder, log: (line) => console.error(line) });
  const { failures, seconds, memory } = result;
  const rate = Math.round(runs / seconds);
  console.log(
    `${name}: ${runs} inputs, seed ${seed}: ${failures.length} failures; ${seconds.toFixed(0)} s, ${rate} a second, ${Math.round(memory / 2 ** 20)} MiB at most`,
  );
  if (failures.length > 0) process.exitCode = 1;
}
