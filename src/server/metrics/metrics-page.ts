import { Registry } from 'prom-client';
import type { Metrics } from './metrics.js';

/**
 * /metrics in the format that the scraper takes. OpenMetrics is sent only where it tells more: while traces are on, durations have exemplars.
 * @param accept the request's header of that name
 */
export async function metricsPage(
  metrics: Metrics,
  accept: string,
): Promise<{ readonly type: string; readonly body: string }> {
  const open = metrics.exemplars && /\bapplication\/openmetrics-text\b/.test(accept);
  const type = open ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
  return { type, body: await metrics.text(open) };
}
