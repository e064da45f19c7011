// OpenTelemetry's SDK put together. Nothing is registered globally: the spans are those that SpanWriter writes.
import { DiagLogLevel, diag } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  AlwaysOnSampler,
  BasicTracerProvider,
  BatchSpanProcessor,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { packageVersion } from '../version.js';
import { ChosenIds } from './chosen-ids.js';
import { SpanWriter } from './span-writer.js';
import type { Tracing } from './tracing.js';

export interface OtlpOptions {
  /** The collector's URL for traces, such as http://localhost:4318/v1/traces. */
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  /** Of the traces that are recorded, where no caller has decided; 0 to 1. */
  readonly share: number;
}

/** Spans that wait to be sent: more are given up. */
const QUEUE = 2048;
const TIMEOUT_MS = 10_000;

/** @param warn told, seldom, why spans could not be sent */
export function otlpTracing(options: OtlpOptions, warn: (message: string) => void): Tracing {
  diag.setLogger(logger(warn), { logLevel: DiagLogLevel.ERROR, suppressOverrideMessage: true });
  const { endpoint: url, headers } = options;
  const exporter = new OTLPTraceExporter({ url, headers: { ...headers }, timeoutMillis: TIMEOUT_MS });
  const limits = { maxQueueSize: QUEUE, maxExportBatchSize: 512, scheduledDelayMillis: 2_000 };
  return tracingTo(new BatchSpanProcessor(exporter, { ...limits, exportTimeoutMillis: TIMEOUT_MS }), options);
}

/** @param processor where spans go; tests put in one that keeps them */
export function tracingTo(
  processor: SpanProcessor,
  { serviceName, share }: Pick<OtlpOptions, 'serviceName' | 'share'>,
): Tracing {
  const ids = new ChosenIds();
  const provider = new BasicTracerProvider({
    resource: resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName, [ATTR_SERVICE_VERSION]: packageVersion }),
    // Which traces are recorded is decided before their first span is made.
    sampler: new AlwaysOnSampler(),
    idGenerator: ids,
    spanProcessors: [processor],
  });
  const writer = new SpanWriter(provider.getTracer('headwater', packageVersion), ids, share);
  return {
    request: (request) => writer.request(request),
    learning: writer,
    close: () => provider.shutdown().catch(() => {}),
  };
}

function logger(warn: (message: string) => void) {
  let quietUntil = Number.NEGATIVE_INFINITY;
  const tell = (message: string, ...details: unknown[]) => {
    if (performance.now() < quietUntil) return;
    quietUntil = performance.now() + 60_000;
    warn(`traces are not sent: ${[message, ...details].map(String).join(' ').slice(0, 500)}`);
  };
  const nothing = () => {};
  return { error: tell, warn: nothing, info: nothing, debug: nothing, verbose: nothing };
}
