import type { FitJob } from '../../../../../../src/learner/learners/refit/fit/fit-job.js';
import { noChoice } from '../../../../../../src/learner/learners/refit/fit/penalty-choice.js';
import { blobs } from '../../../../../contract/learner/blobs.js';

/** A job of `members` random samples of `blobs(dimensions, classes, seed, spread)`. Every fifth is held out. */
export function jobOf({ members = 200, dimensions = 12, classes = 4, seed = 1, spread = 0.5 } = {}): FitJob {
  const data = blobs(dimensions, classes, seed, spread);
  const labels = Int32Array.from({ length: members }, () => data.randomClass());
  const embeddings = new Float32Array(members * dimensions);
  labels.forEach((c, n) => {
    embeddings.set(data.embedding(c), n * dimensions);
  });
  return {
    classes,
    dimensions,
    embeddings,
    labels,
    sampleWeights: new Float64Array(members).fill(1),
    heldOut: Int32Array.from(labels, (_, n) => (n % 5 === 2 ? 1 : 0)),
    start: undefined,
    choice: noChoice,
    choosing: true,
    samples: members,
  };
}
