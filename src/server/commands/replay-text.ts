import type { HeadStatistics, ReplayResult, VersionComparison } from '../../learner/index.js';
import { escapeForTerminal } from '../terminal/escape.js';
import { percent } from '../terminal/numbers.js';

/** What scripts get. */
export function replayJson(result: ReplayResult): Record<string, unknown> {
  const {
    head,
    generation,
    outcome,
    from,
    sequence,
    entries,
    compactedTo,
    versions,
    modelDigest,
    stateDigest,
    seconds,
  } = result;
  return {
    head,
    generation,
    outcome,
    equal: outcome === 'what_if' || outcome === 'nothing_stored' ? null : outcome === 'equal',
    from,
    sequence,
    entries,
    compactedTo,
    versions,
    modelDigest,
    stateDigest,
    ...figures(result.statistics),
    prequential: result.prequential,
    stored: result.stored ? figures(result.stored) : null,
    seconds,
  };
}

/** The result for people. */
export function replayLines(result: ReplayResult): string[] {
  const { head, from, sequence, entries, compactedTo, seconds } = result;
  const rate = seconds > 0 ? ` in ${seconds.toFixed(1)} s, ${Math.round(entries / seconds)} a second` : '';
  const lines = [`${head}: ${entries} entries folded${rate}; the last is ${sequence}`];
  if (compactedTo > 0) {
    lines.push(
      `entries up to ${compactedTo} were removed by compaction; began from the state of version ${from.version}, stored at ${from.sequence}: what was before is not proved`,
    );
  }
  return [...lines, ...(result.outcome === 'what_if' ? whatIfLines(result) : comparisonLines(result))];
}

function comparisonLines({ outcome, versions, sequence, modelDigest }: ReplayResult): string[] {
  if (outcome === 'nothing_stored') {
    return [
      `rebuilt, but no stored version stands between its beginning and ${sequence}: nothing to compare with`,
      `model ${modelDigest}`,
    ];
  }
  const wrong = versions.filter(({ model, state }) => model === 'differs' || state === 'differs');
  if (wrong.length > 0)
    return [`DIFFERS from ${wrong.length} of ${versions.length} stored versions:`, ...wrong.map(wrongLine)];
  const states = versions.filter(({ state }) => state === 'equal').length;
  const last = versions.at(-1);
  const where = last && last.sequence < sequence ? `; the last of them stands at ${last.sequence}` : '';
  return [
    `EQUAL, bit for bit, to ${versions.length} stored version${versions.length === 1 ? '' : 's'} (${states} with the learners' state)${where}`,
    `model ${modelDigest}`,
  ];
}

function wrongLine({ version, sequence, model, state }: VersionComparison): string {
  const words = state === 'not_stored' ? `model ${model}` : `model ${model}, state ${state}`;
  return `  version ${version} at ${sequence}: ${words}`;
}

function whatIfLines({ prequential, statistics, stored }: ReplayResult): string[] {
  const { samples, correct } = prequential;
  const overall = samples === 0 ? '-' : percent(correct / samples);
  return [
    `with these options, predicted right before it learned them: ${overall} of ${samples} samples`,
    `  ${describe(statistics)}`,
    stored ? `as it was: ${describe(stored)}` : 'as it was: not stored for this position',
  ];
}

function describe(statistics: HeadStatistics): string {
  const { champion, accuracy, logLoss, calibrationError, window } = figures(statistics);
  const loss = logLoss === null ? '-' : logLoss.toFixed(4);
  return `last ${window} samples: accuracy ${percent(accuracy)}, log loss ${loss}, calibration error ${percent(calibrationError)}, ${escapeForTerminal(champion)} serving`;
}

/** The champion's, over the largest window. */
function figures({ champion, prequentialAccuracy, candidates, calibrationError, samples, classes }: HeadStatistics) {
  const widest = prequentialAccuracy.reduce((best, each) => (each.window > best.window ? each : best), {
    window: 0,
    count: 0,
    accuracy: 0,
  });
  const serving = candidates.find(({ name }) => name === champion);
  return {
    samples,
    classes: classes.length,
    champion,
    window: widest.count,
    accuracy: widest.count === 0 ? null : widest.accuracy,
    logLoss: serving === undefined || serving.samples === 0 ? null : serving.logLoss,
    calibrationError,
  };
}
