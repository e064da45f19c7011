/**
 * Works on several inputs at once and yields what came of them in their order, each as soon as it and those before it are there.
 *
 * The source is read no further than `window` inputs ahead of what was yielded: who reads slowly slows the source down.
 *
 * @param work never rejects
 */
export async function* inOrder<Input, Output>(
  source: AsyncIterable<Input> | Iterable<Input>,
  window: number,
  work: (input: Input) => Promise<Output>,
): AsyncGenerator<Output, void, void> {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const running: Promise<Output>[] = [];
  let reading: Promise<IteratorResult<Input>> | undefined;
  let isOver = false;
  try {
    for (;;) {
      if (!isOver && running.length < window) reading ??= Promise.resolve(iterator.next());
      const [first] = running;
      if (reading === undefined && first === undefined) return;
      const event = await Promise.race([
        ...(first === undefined ? [] : [first.then((output) => ({ output }))]),
        ...(reading === undefined ? [] : [reading.then((input) => ({ input }))]),
      ]);
      if ('output' in event) {
        running.shift();
        yield event.output;
        continue;
      }
      reading = undefined;
      if (event.input.done === true) isOver = true;
      else running.push(work(event.input.value));
    }
  } finally {
    if (!isOver) await iterator.return?.();
  }
}
