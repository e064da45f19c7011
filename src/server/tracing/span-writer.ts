// Spans from what requests and labels tell when they are over: while they run, tracing costs them nothing.
import {
  type Attributes,
  type Link,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { LearningTracer, TracedLabel, TracedSample } from '../../learner/index.js';
import type { ChosenIds } from './chosen-ids.js';
import type { Stage } from './stages.js';
import { isSampled, parseTraceparent, spanOf, type TraceContext, traceOfId, traceOfKey } from './trace-context.js';
import type { TracedRequest } from './tracing.js';

/** Images of one request that get a span of their own for their labels. */
const MOST_IMAGES = 16;
/** Samples that wait for the version that holds them. */
const MOST_WAITING = 1024;

/** A span to write: when, where in which trace. */
interface SpanPlan {
  readonly name: string;
  readonly kind?: SpanKind;
  /** Unix time. */
  readonly startMs: number;
  readonly endMs: number;
  /** Absent: the root of `traceId`. */
  readonly parent?: Pick<TraceContext, 'traceId' | 'spanId'> | undefined;
  readonly traceId?: string;
  /** Default: random. */
  readonly spanId?: string;
  readonly attributes?: Attributes;
  readonly links?: readonly Pick<TraceContext, 'traceId' | 'spanId'>[];
  readonly problem?: string | undefined;
}

export class SpanWriter implements LearningTracer {
  private waiting: { readonly head: string; readonly traceId: string; readonly sequence: number }[] = [];

  /**
   * @param ids those that the tracer's provider makes ids with
   * @param share of the traces that are recorded, where no caller has decided
   */
  constructor(
    private readonly tracer: Tracer,
    private readonly ids: ChosenIds,
    private readonly share: number,
  ) {}

  /** See `Tracing.request`. */
  request(request: TracedRequest): string | undefined {
    const caller = parseTraceparent(request.traceparent);
    const traceId = caller?.traceId ?? (request.id === '' ? this.ids.generateTraceId() : traceOfId(request.id));
    const written = caller?.sampled ?? isSampled(traceId, this.share);
    const own = { traceId, spanId: caller ? this.ids.generateSpanId() : spanOf(traceId, 'request') };
    const standIns = this.standIns(request, caller, written ? own : undefined);
    if (!written) return undefined;
    this.write({
      ...{ name: 'infer', kind: SpanKind.SERVER, startMs: unix(request.start), endMs: unix(request.end), ...own },
      parent: caller,
      problem: request.code === 'OK' ? undefined : (request.problem ?? request.code),
      attributes: {
        'rpc.system.name': 'grpc',
        'rpc.response.status_code': request.code,
        'headwater.model': request.model.slice(0, 64),
        'headwater.request.id': request.id,
        'headwater.images': request.images,
      },
      links: standIns,
    });
    this.stages(own, request.stages);
    return traceId;
  }

  labelled({ head, key, traceparent, form, outcome, fromMs }: TracedLabel): void {
    const caller = parseTraceparent(traceparent);
    const traceId = key === undefined ? undefined : traceOfKey(key);
    const endMs = Date.now();
    const attributes = {
      'headwater.head': head,
      'headwater.label.form': form ?? 'unknown',
      'headwater.label.outcome': outcome,
    };
    const problem = outcome === 'appended' || outcome === 'duplicate' ? undefined : outcome;
    const name = form === 'join' ? 'join' : 'label';
    const plan = { name, kind: SpanKind.CONSUMER, startMs: fromMs ?? endMs, endMs, attributes, problem };
    const request = traceId && { traceId, spanId: spanOf(traceId, 'request') };
    if (caller?.sampled) this.write({ ...plan, parent: caller, links: request ? [request] : [] });
    // A second label of an id takes the place of nothing: the first one's span is the parent of what follows.
    if (!request || outcome === 'duplicate' || !isSampled(request.traceId, this.share)) return;
    const own = { traceId: request.traceId, spanId: spanOf(request.traceId, 'join') };
    this.write({ ...plan, ...own, parent: form === 'join' ? request : undefined, links: caller ? [caller] : [] });
  }

  trained(head: string, samples: readonly TracedSample[], startMs: number, endMs: number): void {
    for (const { key, sequence, loggedAtMs } of samples) {
      const traceId = traceOfKey(key);
      if (!isSampled(traceId, this.share)) continue;
      this.write({
        ...{ name: 'training', startMs, endMs, traceId, spanId: spanOf(traceId, 'training') },
        parent: { traceId, spanId: spanOf(traceId, 'join') },
        attributes: {
          'headwater.head': head,
          'headwater.log.sequence': sequence,
          'headwater.log.wait_ms': Math.max(0, Math.round(startMs - loggedAtMs)),
          'headwater.samples': samples.length,
        },
      });
      this.waiting.push({ head, traceId, sequence });
    }
    if (this.waiting.length > MOST_WAITING) this.waiting = this.waiting.slice(-MOST_WAITING);
  }

  stored(head: string, version: number, sequence: number, startMs: number, endMs: number): void {
    const isIn = (sample: { head: string; sequence: number }) => sample.head === head && sample.sequence <= sequence;
    const attributes = { 'headwater.head': head, 'headwater.version': version, 'headwater.log.sequence': sequence };
    for (const { traceId } of this.waiting.filter(isIn)) {
      const parent = { traceId, spanId: spanOf(traceId, 'training') };
      this.write({ name: 'snapshot', startMs, endMs, parent, attributes });
    }
    this.waiting = this.waiting.filter((sample) => !isIn(sample));
  }

  /**
   * Labels name the id of one image, and know no caller: where the request's own span is not the root of that id's trace (several images,
   * or a caller's trace), a short span stands there for it, linked to the request. @returns what the request links to
   */
  private standIns(
    { id, images, start, end, code }: TracedRequest,
    caller: TraceContext | undefined,
    request: Pick<TraceContext, 'traceId' | 'spanId'> | undefined,
  ): Pick<TraceContext, 'traceId' | 'spanId'>[] {
    if (code !== 'OK' || (images === 1 && caller === undefined)) return [];
    const linked: Pick<TraceContext, 'traceId' | 'spanId'>[] = [];
    for (let index = 0; index < Math.min(images, MOST_IMAGES); index++) {
      const image = images === 1 ? id : `${id}/${index}`;
      const traceId = traceOfId(image);
      const own = { traceId, spanId: spanOf(traceId, 'request') };
      linked.push(own);
      if (!isSampled(traceId, this.share)) continue;
      const attributes = { 'headwater.request.id': image };
      const times = { startMs: unix(start), endMs: unix(end) };
      this.write({ name: 'served', ...times, ...own, attributes, links: request ? [request] : [] });
    }
    return linked;
  }

  private stages(request: Pick<TraceContext, 'traceId' | 'spanId'>, stages: readonly Stage[]): void {
    let batch = request;
    for (const { name, start, end } of stages) {
      const span = { traceId: request.traceId, spanId: this.ids.generateSpanId() };
      const parent = name === 'compute' ? batch : request;
      this.write({ name, startMs: unix(start), endMs: unix(end), spanId: span.spanId, parent });
      if (name === 'batch') batch = span;
    }
  }

  private write(plan: SpanPlan): void {
    const { name, kind = SpanKind.INTERNAL, parent, traceId, spanId, startMs, endMs, attributes = {} } = plan;
    const links = (plan.links ?? []).map(asLink);
    const where = parent ? trace.setSpanContext(ROOT_CONTEXT, { ...asContext(parent), isRemote: true }) : ROOT_CONTEXT;
    const options = { kind, startTime: time(startMs), attributes, links };
    const span = this.ids.with(traceId, spanId, () => this.tracer.startSpan(name, options, where));
    if (plan.problem !== undefined) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: plan.problem.slice(0, 500) });
    }
    span.end(time(Math.max(startMs, endMs)));
  }
}

function asContext({ traceId, spanId }: Pick<TraceContext, 'traceId' | 'spanId'>) {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
}

function asLink(to: Pick<TraceContext, 'traceId' | 'spanId'>): Link {
  return { context: asContext(to) };
}

/** Seconds and nanoseconds: a Date would round to milliseconds. */
function time(unixMs: number): [number, number] {
  const seconds = Math.floor(unixMs / 1000);
  return [seconds, Math.floor((unixMs - seconds * 1000) * 1e6)];
}

function unix(time: number): number {
  return performance.timeOrigin + time;
}
