/**
 * Refuses what would poison a learner, before anything of it has changed.
 * @throws RangeError for an embedding of another length or with numbers that are not finite, and for a class that there is not.
 */
export function checkSample(
  embedding: Float32Array,
  classIndex: number,
  learner: { readonly dimensions: number; readonly classCount: number },
): void {
  checkLength(embedding, learner.dimensions);
  checkClass(classIndex, learner.classCount);
  for (let d = 0; d < embedding.length; d++) {
    if (!Number.isFinite(embedding[d]!))
      throw new RangeError(`embedding[${d}] is ${embedding[d]}, not a finite number`);
  }
}

/** @throws RangeError */
export function checkLength(embedding: Float32Array, dimensions: number): void {
  if (embedding.length !== dimensions) {
    throw new RangeError(`an embedding of ${embedding.length} values, and the learner's have ${dimensions}`);
  }
}

/** @throws RangeError */
export function checkClass(classIndex: number, classCount: number): void {
  if (!Number.isInteger(classIndex) || classIndex < 0 || classIndex >= classCount) {
    throw new RangeError(`class ${classIndex} of a learner with ${classCount} classes`);
  }
}
