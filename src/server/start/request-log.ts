import type { Logger } from 'pino';
import type { StageTimings } from '../codec/response.js';
import type { Config } from '../config/index.js';
import type { RequestDetails } from '../grpc/inference-service.js';
import { LogSeldom } from './log-seldom.js';

export type LogRequest = (
  model: string,
  code: string,
  totalMs: number,
  timings: StageTimings | undefined,
  details: RequestDetails,
) => void;

/**
 * Lines of `log.requests`: which request, how it ended, where its time went; nothing of what was in it. `errors` is bounded however many fail: of each
 * code one line a second, with how many more there were.
 */
export function requestLog(which: Config['log']['requests'], log: Logger): LogRequest {
  if (which === 'none') return () => {};
  const seldom = new LogSeldom((fields, message, suppressed) =>
    log.warn(suppressed > 0 ? { ...fields, alsoFailed: suppressed } : fields, message),
  );
  return (model, code, totalMs, timings, { id, client, traceId, error }) => {
    if (error === undefined && which === 'errors') return;
    const fields = {
      ...{ event: 'request', requestId: id, model, code, client, traceId, totalMs: round(totalMs) },
      ...(timings && {
        decodeMs: round(timings.decodeMs),
        queueMs: round(timings.queueMs),
        computeMs: round(timings.computeMs),
      }),
    };
    if (error === undefined) log.info(fields, 'request answered');
    else if (which === 'all') log.warn({ ...fields, error: error.message }, 'request not answered');
    else seldom.tell(code, { ...fields, error: error.message }, 'request not answered');
  };
}

/** Milliseconds, to the microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
