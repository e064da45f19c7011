import type { Arithmetic } from '../../native/index.js';
import { createLearner } from '../learners/create.js';
import type { Learner } from '../learners/learner.js';
import type { Trainer } from '../learners/refit/fit/trainer.js';
import { type HeadDefinition, type LearnerKind, learnerKinds } from '../types.js';
import { CandidateSet } from './candidates/candidate-set.js';
import { Championship } from './candidates/championship.js';
import { Imported } from './candidates/imported.js';
import { ClassTable } from './class-table.js';
import { JudgedSamples } from './judged-samples.js';
import { corrupt } from './snapshot-container.js';
import type { FoldState } from './state-format.js';

/** What a head is made of, as samples and acts find it. */
export interface HeadParts {
  readonly definition: HeadDefinition;
  readonly classes: ClassTable;
  readonly candidates: CandidateSet;
  readonly championship: Championship;
  readonly judged: JudgedSamples;
  readonly arithmetic: Arithmetic;
  /** A learner that knows nothing and has no classes. */
  makeLearner(kind: LearnerKind): Learner;
}

/**
 * The parts before the first entry, or as a state says, whose arrays are taken over.
 * @throws LearnerError snapshot_corrupt when a learner can't go on from its state.
 */
export function headParts(
  definition: HeadDefinition,
  { trainer, arithmetic }: { trainer: Trainer; arithmetic: Arithmetic },
  restored: FoldState | undefined,
): HeadParts {
  const setting = { dimensions: definition.dimensions, options: definition.learner, arithmetic, trainer };
  const learners = restored
    ? restored.learners.map(({ kind, state }) => createLearner(kind, setting, state))
    : firstKinds(definition).map((kind) => createLearner(kind, setting));
  const classes = new ClassTable(restored?.classes);
  for (const { kind, classCount } of learners) {
    if (classCount !== classes.count) throw corrupt(`its learner '${kind}' has ${classCount} classes`);
  }
  const imported = restored?.imported && new Imported(restored.imported, arithmetic);
  const candidates = new CandidateSet(learners, imported, restored?.candidates);
  const championship = restored?.championship ?? Championship.start(definition.learner.serve, candidates);
  return {
    definition,
    classes,
    candidates,
    championship: new Championship(championship),
    judged: new JudgedSamples(restored?.judged),
    arithmetic,
    makeLearner: (kind) => createLearner(kind, setting),
  };
}

/** Adds a class of which nothing is known, everywhere. @returns its index */
export function addClass({ classes, candidates }: Pick<HeadParts, 'classes' | 'candidates'>, name: string): number {
  candidates.addClass();
  return classes.add(name);
}

/** What trains from the start: with `auto` the cheapest; the others come by an act, when there is memory for them. */
function firstKinds({ learner: { train } }: HeadDefinition): LearnerKind[] {
  return train === 'auto' ? ['sgd'] : learnerKinds.filter((kind) => train.includes(kind));
}
