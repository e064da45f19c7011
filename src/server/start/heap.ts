import { setFlagsFromString } from 'node:v8';

/**
 * How much the old generation may grow, in percent of what survives, before V8 marks it again. Requests are large and short-lived memory outside
 * the heap (sockets' chunks, messages), which V8 adds to a heap of about 30 MB: at 60 images a second it marked the whole heap once a second,
 * for as much processor time as gRPC itself. With this, a third as often (`node --trace-gc`), for some 50 MB more.
 */
const GROWING_PERCENT = 400;

/** For the process that serves. V8 reads this flag anew at each collection. */
export function growHeapGenerously(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}
