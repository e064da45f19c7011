// How the learners of a head compete, and what it costs. The names of candidates are a closed set.
import type { CandidateStatistics, DriftLevel, HeadStatus } from '../../learner/index.js';
import type { HeadSeries } from './head-series.js';
import { PromotionCounts } from './promotion-counts.js';

const DRIFT_STATES: Readonly<Record<DriftLevel, number>> = { stable: 0, warning: 1, drift: 2 };
/** Samples that a candidate's accuracy is over. */
const WINDOW = 1000;

export function addLearnerMetrics(series: HeadSeries): void {
  series.gauges(
    'headwater_learner_accuracy',
    `Prequential accuracy of each candidate over the last ${WINDOW} samples`,
    ['learner'],
    ({ statistics }) => perCandidate(statistics.candidates, accuracyOf),
  );
  series.gauges(
    'headwater_learner_log_loss',
    `Mean log loss (nats) of each candidate, calibrated, over the last ${WINDOW} samples`,
    ['learner'],
    ({ statistics }) => perCandidate(statistics.candidates, (entry) => (entry.samples > 0 ? entry.logLoss : undefined)),
  );
  series.gauges('headwater_champion_info', '1; the candidate that serves the newest version', ['learner'], (status) =>
    status.latestVersion > 0 ? [[{ learner: status.statistics.champion }, 1]] : [],
  );
  const promotions = new PromotionCounts();
  series.counter('headwater_promotions_total', 'Changes of the champion', (status) => promotions.count(status));
  series.gauge(
    'headwater_calibration_error',
    `Expected calibration error of the champion over the last ${WINDOW} samples`,
    ({ statistics }) => (statistics.samples > 0 ? statistics.calibrationError : undefined),
  );
  series.gauge('headwater_drift_state', '0 stable, 1 warning, 2 drift', (s) => DRIFT_STATES[s.statistics.drift.level]);
  series.gauge('headwater_head_taught', '1 when this process teaches the head', (s) => (s.taughtBy === 'here' ? 1 : 0));
  series.counter(
    'headwater_refit_waits_total',
    'Samples whose learning waited for a refit, in this process',
    (s: HeadStatus) => s.waits?.count,
  );
  series.counter(
    'headwater_refit_wait_seconds_total',
    'Time that learning waited for refits, in this process',
    (s: HeadStatus) => s.waits?.seconds,
  );
}

function perCandidate(
  candidates: readonly CandidateStatistics[],
  read: (candidate: CandidateStatistics) => number | undefined,
): (readonly [{ readonly learner: string }, number])[] {
  return candidates.flatMap((candidate) => {
    const value = read(candidate);
    return value === undefined ? [] : [[{ learner: candidate.name }, value] as const];
  });
}

/** No accuracy yet is not an accuracy of 0. */
function accuracyOf({ accuracy }: CandidateStatistics): number | undefined {
  const found = accuracy.find(({ window }) => window === WINDOW);
  return found !== undefined && found.count > 0 ? found.accuracy : undefined;
}
