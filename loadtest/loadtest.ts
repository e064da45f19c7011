// `npm run loadtest`: what the service promises under load, measured from outside. See docs/loadtest.md.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkCapacity } from './checks/capacity.js';
import { commonVerdicts, generatorVerdict } from './checks/phases.js';
import { holds } from './checks/verdict.js';
import { loadPhotos } from './generator/payloads.js';
import { packageFolder, prepareModel } from './models.js';
import { CAPACITY, type Options, readOptions, USAGE } from './options.js';
import { writeDocument } from './report/document.js';
import { describeMachine } from './report/machine.js';
import { reportPage } from './report/page.js';
import { brokenPromises, type Entry, type Report, type Setting } from './report/report.js';
import { measureCapacities } from './run/capacity-run.js';
import type { Progress, RunSettings } from './run/context.js';
import { runScenario } from './run/load-run.js';
import { terminalProgress } from './run/terminal-progress.js';
import { scenarios } from './scenarios/index.js';
import { choosePinning, type Pinning, pinSelf } from './servers/pinning.js';

/** Of a server's last words. */
const MESSAGE_LENGTH = 400;
const DEFAULT_MODEL = 'resnet50-90';
/** The targets of capacity are about both. */
const CAPACITY_MODELS = ['resnet50', 'resnet50-90'];

async function main(options: Options, progress: Progress): Promise<Report> {
  const machine = describeMachine();
  const { source } = await loadPhotos(1);
  const pinning = choosePinning(options.pin);
  pinSelf(pinning);
  const entries: Entry[] = [];
  for (const name of options.scenarios) {
    const models =
      options.model === undefined && name === CAPACITY ? CAPACITY_MODELS : [options.model ?? DEFAULT_MODEL];
    for (const model of models) {
      const entry = await measure(name, await settingsOf(options, model, pinning, progress), source, progress);
      entries.push(entry);
      for (const { promise, kept, measured } of entry.verdicts) {
        progress.line(`  ${kept ? 'kept  ' : 'BROKEN'} ${promise}: ${measured}`);
      }
    }
  }
  return { command: `npm run loadtest -- ${process.argv.slice(2).join(' ')}`, machine, entries };
}

async function settingsOf(
  options: Options,
  modelName: string,
  pinning: Pinning,
  progress: Progress,
): Promise<RunSettings> {
  const model = await prepareModel(modelName, progress.line);
  const { batch, threads, input, seed, scale, minutes, capacity, compare } = options;
  const engine = options.engine ?? model.engine;
  return {
    model,
    engine,
    batch,
    threads,
    input,
    seed,
    scale,
    minutes,
    capacity,
    compare,
    pinning,
  };
}

/** One that can't be measured is a broken promise; the others are measured all the same. */
async function measure(name: string, settings: RunSettings, photos: string, progress: Progress): Promise<Entry> {
  try {
    return await measureOne(name, settings, photos, progress);
  } catch (error) {
    const message = (error as Error).message.replaceAll(/\s+/g, ' ').slice(0, MESSAGE_LENGTH);
    const verdicts = [holds('the scenario can be run', false, message)];
    return { scenario: name, about: '', setting: settingOf(settings, photos), verdicts };
  }
}

function settingOf(settings: RunSettings, photos: string): Setting {
  const { model, engine, batch, threads, input, pinning, seed, scale } = settings;
  return { model: model.name, engine, batch, threads, input, photos, pinning: pinning.why, seed, scale };
}

async function measureOne(name: string, settings: RunSettings, photos: string, progress: Progress): Promise<Entry> {
  const setting = settingOf(settings, photos);
  if (name === CAPACITY) {
    const capacity = await measureCapacities(settings, progress);
    const about = 'The closed loop against the engine alone, decoding and the engine alone, and the baseline, in turn.';
    return {
      scenario: name,
      about,
      setting: { ...setting, input: 'image and pixels' },
      verdicts: checkCapacity(capacity),
      capacity,
    };
  }
  const scenario = scenarios.find((each) => each.name === name);
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  const load = await runScenario(scenario, settings, progress);
  // Compared servers get the slower one's load, at which the promises of the scenario mean nothing.
  const promises = settings.compare ? [] : scenario.check(load);
  const verdicts = [generatorVerdict(load), ...commonVerdicts(load), ...promises];
  return { scenario: name, about: scenario.about, setting, verdicts, load };
}

/** @returns the path of the page */
function writeReport(report: Report, options: Options): string {
  const folder = options.out ?? join(packageFolder(), '.cache/loadtest/reports');
  mkdirSync(folder, { recursive: true });
  const moment = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  const name = options.scenarios.length === 1 ? options.scenarios[0] : 'all';
  const base = join(folder, `${moment}-${name}`);
  writeFileSync(`${base}.json`, JSON.stringify(report));
  writeFileSync(`${base}.html`, reportPage(report));
  return `${base}.html`;
}

function start(): Options | undefined {
  try {
    const options = readOptions(process.argv.slice(2));
    if (options === undefined) console.log(USAGE);
    return options;
  } catch (error) {
    console.error(`loadtest: ${(error as Error).message}\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

const options = start();
if (options !== undefined) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
  try {
    const report = await main(options, terminalProgress(process.stderr));
    console.error(`report: ${writeReport(report, options)}`);
    if (options.write) writeDocument(report);
    if (options.json) console.log(JSON.stringify(report));
    const broken = brokenPromises(report);
    for (const line of broken) console.error(`broken: ${line}`);
    const unmeasured = report.entries.some(({ load, capacity }) => load === undefined && capacity === undefined);
    if (unmeasured || (options.check && broken.length > 0)) process.exitCode = 1;
  } catch (error) {
    console.error(`loadtest: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
