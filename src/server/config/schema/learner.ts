// How a head learns: part of its definition, fixed when it is created.
import { z } from 'zod';
import { defaultLearnerOptions, type LearnerOptions, learnerKinds } from '../../../learner/index.js';
import { choice, flag, integer, list, real } from '../fields.js';

const preset = defaultLearnerOptions;

const sgd = z.strictObject({
  rate: real(0, 1, true).default(preset.sgd.rate).describe('first learning rate'),
  momentum: real(0, 0.9999).default(preset.sgd.momentum).describe('share of the last step that is kept'),
  weightDecay: real(0, 0.9999).default(preset.sgd.weightDecay).describe('pull of the weights towards zero'),
  annealEvery: integer(1, 1_000_000_000)
    .default(preset.sgd.annealEvery)
    .describe('samples after which the rate is divided'),
  annealFactor: real(1, 1000).default(preset.sgd.annealFactor).describe('what the rate is divided by'),
  rateFloor: real(0, 1, true)
    .default(preset.sgd.rateFloor)
    .describe('the rate never falls below this fraction of the first'),
});

const refit = z.strictObject({
  capacity: integer(1, 10_000_000)
    .default(preset.refit.capacity)
    .describe('embeddings that are kept for it, over all classes'),
  growth: real(1, 100, true)
    .default(preset.refit.growth)
    .describe('the next refit begins at so many times the samples'),
  delay: real(0, 1)
    .default(preset.refit.delay)
    .describe('one that began at n samples is installed delay x n samples later (32 at least); 0: at once'),
});

const drift = z.strictObject({
  delta: real(0, 0.9999, true).default(preset.drift.delta).describe('chance of a false alarm'),
  react: flag().default(preset.drift.react).describe('whether the learners forget when drift is detected'),
});

/** What a definition can choose; an imported head's weights can be promoted once they are there. */
export const servable = ['auto', ...learnerKinds, 'blend'] as const;

const serve = choice(servable).default('auto');
const trainable = `\`auto\` or a list of ${learnerKinds.join(', ')}`;
const train = z
  .union([z.literal('auto'), list(choice(learnerKinds), trainable).min(1, { error: `expected ${trainable}` })], {
    error: `expected ${trainable}`,
  })
  .refine((value) => value === 'auto' || new Set(value).size === value.length, { error: 'a learner is named twice' })
  .default(typeof preset.train === 'string' ? preset.train : [...preset.train]);

export const learner = z
  .strictObject({
    serve: serve.describe('auto: the best by its scores; or the candidate that always serves'),
    train: train.describe('auto: all learners, as learn.memory allows; or a list of those that train'),
    sgd: sgd.prefault({}).describe('multinomial logistic regression by gradient descent'),
    slda: z
      .strictObject({
        shrinkage: real(0.001, 1e6)
          .default(preset.slda.shrinkage)
          .describe('of the covariance: samples that it begins with, for each dimension'),
      })
      .prefault({})
      .describe('streaming linear discriminant analysis'),
    rls: z
      .strictObject({ ridge: real(0.001, 1e6).default(preset.rls.ridge).describe('regularisation') })
      .prefault({})
      .describe('recursive least squares'),
    refit: refit.prefault({}).describe('logistic regression on a sample of what was seen, again and again'),
    drift: drift.prefault({}).describe('what happens when the world changes'),
  })
  .refine(({ serve, train }) => train === 'auto' || !isLearner(serve) || train.includes(serve), {
    path: ['serve'],
    error: 'expected a candidate that is trained: name it in `train` too',
  });

function isLearner(candidate: string): candidate is (typeof learnerKinds)[number] {
  return (learnerKinds as readonly string[]).includes(candidate);
}

/** What a caller may choose of a new head's learner; the rest are the defaults. */
export interface LearnerChoice {
  /** Empty: `auto`. */
  readonly serve: string;
  /** Empty: `auto`. */
  readonly train: readonly string[];
}

/** The choice checked and completed; a sentence that names the field when it is not acceptable. */
export function readLearnerChoice({ serve, train }: LearnerChoice): LearnerOptions | string {
  const given = { ...(serve === '' ? {} : { serve }), ...(train.length === 0 ? {} : { train }) };
  const parsed = learner.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue?.path.map(String).join('.')}: ${issue?.message}`;
}
