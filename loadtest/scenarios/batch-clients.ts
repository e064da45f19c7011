import { allAnswered, countsOf, latencyOf, phasesOf } from '../checks/phases.js';
import { atLeast, atMost } from '../checks/verdict.js';
import type { LoadResult, Scenario } from './scenario.js';
import { requests } from './traffic.js';

const LARGE = 32;
const SMALL_LOAD = 0.3;
/** In front of a small request: the batch that runs, the one that is prepared, and its own; one more for what is on its way. */
const BATCHES = 4;

export const batchClients: Scenario = {
  name: 'batch-clients',
  about: `Requests of one image at 30 % of capacity, alone and beside another client whose requests have ${LARGE} images and ask for all of it. The small ones go first in their turn, the large ones get the rest.`,
  rounds: 2,
  plan: (given) => {
    const small = requests(given, 'poisson', [{ seconds: 15, load: SMALL_LOAD }], { name: 'small', from: '127.0.0.2' });
    const large = requests(given, 'poisson', [{ seconds: 15, load: 1 }], {
      name: 'large',
      images: LARGE,
      from: '127.0.0.3',
      seed: given.seed + 1,
      deadlineMs: 60_000,
    });
    return [
      { name: 'small alone', traffic: [small], settleMs: 1000 },
      { name: 'beside large ones', traffic: [small, large], settleMs: 3000 },
    ];
  },
  check: (result) => {
    const { given } = result;
    const small = countsOf(result, 'beside large ones', 'small');
    return [
      allAnswered('every small request is answered, alone', countsOf(result, 'small alone', 'small')),
      allAnswered('every small request is answered, beside large ones', small),
      atMost(
        'p99 of small requests, in batches’ time',
        latencyOf(small).quantile(0.99) / ((1000 * given.batch) / given.capacity),
        BATCHES,
      ),
      atLeast('images answered in all, of capacity', answeredImages(result), 0.9),
    ];
  },
};

/** While the schedule lasts, in fractions of the capacity. */
function answeredImages(result: LoadResult): number {
  const phase = 'beside large ones';
  const images = (traffic: string) => {
    const { seconds, images: each } = countsOf(result, phase, traffic);
    return each * seconds.reduce((sum, { answered }) => sum + answered, 0);
  };
  const [first] = phasesOf(result, phase);
  const rounds = phasesOf(result, phase).length;
  return (images('small') + images('large')) / ((first?.seconds ?? Number.NaN) * rounds) / result.given.capacity;
}
