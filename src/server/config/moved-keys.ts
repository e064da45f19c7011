// Keys that are called otherwise by now: whoever has an old file is told the new form, not that there is no such key.

const SGD = ['rate', 'momentum', 'weightDecay', 'annealEvery', 'annealFactor', 'rateFloor'];

/** Where the key at `path` has gone, as a sentence; undefined when it is none that moved. */
export function movedKey(path: readonly PropertyKey[]): string | undefined {
  const [section, , option, key] = path.map(String);
  if (path.length !== 4 || section !== 'heads' || option !== 'learner' || key === undefined) return undefined;
  if (key === 'kind') {
    return 'a head has several learners now; write `learner: { train: [sgd], serve: sgd }` for sgd alone, or leave it out';
  }
  return SGD.includes(key)
    ? `this is \`learner.sgd.${key}\` now: write \`learner: { sgd: { ${key}: ... } }\``
    : undefined;
}
