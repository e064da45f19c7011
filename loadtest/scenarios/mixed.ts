import { allAnswered, countsOf, latencyOf, phasesOf } from '../checks/phases.js';
import { atLeast, atMost } from '../checks/verdict.js';
import type { LoadResult, Phase, Scenario } from './scenario.js';
import { requests } from './traffic.js';

const LOAD = 0.5;
const SECONDS = 15;

export const mixed: Scenario = {
  name: 'mixed',
  about:
    '50 % of capacity over 100 heads, with and without labels: each answer’s label joins by id, and heads that learned swap every second. Inference does not notice.',
  rounds: 3,
  heads: 100,
  learners: ['sgd'],
  settings: { snapshots: { interval: '1s' } },
  // A hundred heads' series are a large text.
  scrapeEveryMs: 5000,
  plan: (given) => {
    const phase = (name: string, labels: boolean): Phase => ({
      name,
      traffic: [requests(given, 'poisson', [{ seconds: SECONDS, load: LOAD }], { labels })],
      settleMs: 3000,
    });
    return [phase('without labels', false), phase('with labels', true)];
  },
  check: (result) => {
    const labels = countsOf(result, 'with labels').labels;
    const changes = phasesOf(result, 'with labels').flatMap(({ server }) => server ?? []);
    const seconds = phasesOf(result, 'with labels').reduce((sum, phase) => sum + phase.seconds, 0);
    const sum = (read: (change: (typeof changes)[number]) => number) =>
      changes.reduce((all, one) => all + read(one), 0);
    return [
      allAnswered('every request is answered, without labels', countsOf(result, 'without labels')),
      allAnswered('every request is answered, with labels', countsOf(result, 'with labels')),
      atMost(
        'inference p99 with labels over that without',
        p99(result, 'with labels') / p99(result, 'without labels'),
        1.3,
        'x',
      ),
      atMost('labels that could not be sent', labels.failed, 0),
      atLeast('labels that were learned, of those sent', sum(({ labelsTrained }) => labelsTrained) / labels.sent, 0.95),
      atLeast('swaps of heads a second', sum(({ swaps }) => swaps) / seconds, 1),
    ];
  },
};

function p99(result: LoadResult, phase: string): number {
  return latencyOf(countsOf(result, phase)).quantile(0.99);
}
