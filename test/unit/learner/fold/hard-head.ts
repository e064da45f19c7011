import { HeadFold } from '../../../../src/learner/fold/head-fold.js';
import { classify } from '../../../../src/learner/head/classify.js';
import { argmax } from '../../../../src/learner/head/softmax.js';
import type { CandidateName, LearnerKind } from '../../../../src/learner/types.js';
import { blobs } from '../../../contract/learner/blobs.js';
import { definitionOf, entryOf } from './samples.js';

export const everyone = ['sgd', 'slda', 'rls', 'refit'] as const;

/** A head of overlapping classes. */
export function hardHead(
  classes: number,
  seed: number,
  react = true,
  train: readonly LearnerKind[] = everyone,
  { dimensions, spread } = { dimensions: 32, spread: 1.2 },
) {
  const { learner } = definitionOf();
  const options = { ...learner, train, drift: { ...learner.drift, react } };
  const definition = definitionOf({ dimensions, learner: options });
  const fold = new HeadFold(definition);
  const data = blobs(dimensions, classes, seed, spread);
  return {
    definition,
    fold,
    data,
    learn: (c: number, label = c) =>
      fold.fold(entryOf({ label: `class ${label}`, embedding: data.embedding(c) }), fold.sequence + 1),
    alarms: () => fold.statistics().drift.history.filter(({ level }) => level === 'drift').length,
    /** Of what each candidate would serve, over all classes alike. */
    accuracies() {
      const fresh = blobs(dimensions, classes, seed, spread);
      for (let i = 0; i < 1_000; i++) fresh.uniform();
      const embeddings = Array.from({ length: 600 }, (_, i) => fresh.embedding(i % classes));
      const accuracy = (name: CandidateName) => {
        const model = fold.model(name);
        const right = embeddings.filter(
          (embedding, i) => model.classes[argmax(classify(model, embedding))] === `class ${i % classes}`,
        );
        return right.length / embeddings.length;
      };
      return fold.statistics().candidates.map(({ name }) => ({ name, accuracy: accuracy(name) }));
    },
  };
}
