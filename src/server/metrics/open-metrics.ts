// /metrics as OpenMetrics: the format that has exemplars.
import { type Metric, type OpenMetricsContentType, Registry } from 'prom-client';

/** What prom-client's metrics answer, beside the class types. */
type Readable = Metric & { getForPromString?: () => Promise<Answered>; get(): Promise<Answered> };
type Answered = Awaited<ReturnType<Metric['get']>>;

/**
 * The registry's metrics as OpenMetrics text. prom-client's own way to that format renames counters for good (their `_total` becomes part of the
 * sample's name), so the same registry could not be read in both formats: here each metric is read through a view of it.
 */
export async function openMetricsText(registry: Registry): Promise<string> {
  const views: Registry<OpenMetricsContentType> = new Registry();
  views.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  for (const metric of registry.getMetricsAsArray() as unknown as Readable[]) views.registerMetric(viewOf(metric));
  return views.metrics();
}

function viewOf(metric: Readable): Metric {
  const read = metric.getForPromString === undefined ? () => metric.get() : () => metric.getForPromString!();
  const get = async () => {
    const answered = await read();
    return { ...answered, name: answered.name.replace(String(answered.type) === 'counter' ? /_total$/ : /$^/, '') };
  };
  const { name } = metric as unknown as { readonly name: string };
  return { name, get } as unknown as Metric;
}
