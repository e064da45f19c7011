import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SpanStatusCode } from '@opentelemetry/api';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import type { TracedLabel } from '../../../../src/learner/index.js';
import { messageKey } from '../../../../src/learner/names.js';
import { tracingTo } from '../../../../src/server/tracing/otlp.js';
import { Stages } from '../../../../src/server/tracing/stages.js';
import { spanOf, traceOfId } from '../../../../src/server/tracing/trace-context.js';
import type { TracedRequest } from '../../../../src/server/tracing/tracing.js';

const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const traceparent = (flags: string) => `00-${CALLER.traceId}-${CALLER.spanId}-${flags}`;

function recorder(share = 1) {
  const exporter = new InMemorySpanExporter();
  const tracing = tracingTo(new SimpleSpanProcessor(exporter), { serviceName: 'test', share });
  return { tracing, spans: () => exporter.getFinishedSpans() };
}

function request(more: Partial<TracedRequest> = {}): TracedRequest {
  const stages = new Stages();
  const start = performance.now() - 20;
  stages.add('decode', start + 1, start + 4);
  stages.embedded(start + 4, start + 6, start + 12, 5);
  stages.add('head', start + 12, start + 13);
  return {
    ...{ id: 'r1', images: 1, model: 'pets', code: 'OK', problem: undefined, start, end: start + 15 },
    ...{ stages: stages.all, traceparent: undefined, ...more },
  };
}

const named = (spans: readonly ReadableSpan[], name: string) => {
  const found = spans.filter((span) => span.name === name);
  assert.equal(found.length, 1, `${found.length} spans ${name}`);
  return found[0]!;
};
const milliseconds = ([seconds, nanoseconds]: readonly [number, number]) => seconds * 1e3 + nanoseconds / 1e6;

describe('spans of a request', () => {
  it('show decode, queue, batch, compute and head, in the trace of its id', () => {
    const { tracing, spans } = recorder();
    const traced = request();
    assert.equal(tracing.request(traced), traceOfId('r1'));
    const all = spans();
    assert.deepEqual(all.map(({ name }) => name).sort(), ['batch', 'compute', 'decode', 'head', 'infer', 'queue']);
    assert.deepEqual(new Set(all.map((span) => span.spanContext().traceId)), new Set([traceOfId('r1')]));
    const root = named(all, 'infer');
    assert.equal(root.parentSpanContext, undefined);
    assert.equal(root.spanContext().spanId, spanOf(traceOfId('r1'), 'request'));
    assert.equal(root.attributes['headwater.request.id'], 'r1');
    assert.equal(root.resource.attributes['service.name'], 'test');
    for (const name of ['decode', 'queue', 'batch', 'head']) {
      assert.equal(named(all, name).parentSpanContext?.spanId, root.spanContext().spanId, name);
    }
    assert.equal(named(all, 'compute').parentSpanContext?.spanId, named(all, 'batch').spanContext().spanId);
    const start = milliseconds(root.startTime);
    assert.ok(Math.abs(start - (performance.timeOrigin + traced.start)) < 0.01);
    assert.ok(Math.abs(milliseconds(named(all, 'compute').startTime) - start - 7) < 0.01);
    assert.ok(Math.abs(milliseconds(root.duration) - 15) < 0.01);
  });

  it('that failed say why', () => {
    const { tracing, spans } = recorder();
    tracing.request(request({ code: 'RESOURCE_EXHAUSTED', problem: 'the queue is full', stages: [] }));
    const root = named(spans(), 'infer');
    assert.equal(root.status.code, SpanStatusCode.ERROR);
    assert.equal(root.status.message, 'the queue is full');
  });

  it('are in the trace of a caller, which the trace of the id is linked with', () => {
    const { tracing, spans } = recorder();
    assert.equal(tracing.request(request({ traceparent: traceparent('01') })), CALLER.traceId);
    const root = named(spans(), 'infer');
    assert.equal(root.spanContext().traceId, CALLER.traceId);
    assert.equal(root.parentSpanContext?.spanId, CALLER.spanId);
    const served = named(spans(), 'served');
    assert.equal(served.spanContext().traceId, traceOfId('r1'));
    assert.equal(root.links[0]?.context.spanId, served.spanContext().spanId);
    assert.equal(served.links[0]?.context.spanId, root.spanContext().spanId);
  });

  it('are not recorded when the caller does not, or when they are not of the share', () => {
    const quiet = recorder(0);
    assert.equal(quiet.tracing.request(request({ traceparent: traceparent('00') })), undefined);
    assert.equal(quiet.tracing.request(request()), undefined);
    assert.deepEqual(quiet.spans(), []);
    // A caller that records its part decides for ours, whatever the share is.
    assert.equal(quiet.tracing.request(request({ traceparent: traceparent('01') })), CALLER.traceId);
    assert.ok(quiet.spans().length > 0);
  });

  it('of several images have a place for the label of each', () => {
    const { tracing, spans } = recorder();
    tracing.request(request({ images: 40 }));
    const served = spans().filter(({ name }) => name === 'served');
    assert.equal(served.length, 16);
    assert.equal(served[3]?.spanContext().traceId, traceOfId('r1/3'));
    assert.equal(named(spans(), 'infer').links.length, 16);
  });
});

describe('spans of a label', () => {
  const label: TracedLabel = {
    ...{ head: 'pets', key: messageKey('r1'), traceparent: undefined, form: 'join', outcome: 'appended' },
    fromMs: Date.now() - 50,
  };

  it('show join, training and snapshot below the request that they are about', () => {
    const { tracing, spans } = recorder();
    tracing.request(request());
    tracing.learning.labelled(label);
    const sample = { key: messageKey('r1'), sequence: 7, loggedAtMs: Date.now() - 30 };
    tracing.learning.trained('pets', [sample], Date.now() - 20, Date.now());
    tracing.learning.stored('pets', 3, 6, Date.now() - 5, Date.now());
    assert.ok(!spans().some(({ name }) => name === 'snapshot'), 'the version does not hold it');
    tracing.learning.stored('other', 4, 9, Date.now() - 5, Date.now());
    tracing.learning.stored('pets', 4, 9, Date.now() - 5, Date.now());
    tracing.learning.stored('pets', 5, 12, Date.now() - 5, Date.now());
    const all = spans();
    const chain = ['infer', 'join', 'training', 'snapshot'].map((name) => named(all, name));
    for (const [index, span] of chain.entries()) {
      assert.equal(span.spanContext().traceId, traceOfId('r1'));
      assert.equal(span.parentSpanContext?.spanId, chain[index - 1]?.spanContext().spanId, span.name);
    }
    assert.equal(named(all, 'snapshot').attributes['headwater.version'], 4);
  });

  it('are in the trace of its publisher, too, when that is recorded', () => {
    const { tracing, spans } = recorder(0);
    tracing.learning.labelled({ ...label, traceparent: traceparent('01') });
    const join = named(spans(), 'join');
    assert.equal(join.parentSpanContext?.spanId, CALLER.spanId);
    assert.equal(join.links[0]?.context.traceId, traceOfId('r1'));
  });

  it('that was given up say why', () => {
    const { tracing, spans } = recorder(0);
    tracing.learning.labelled({
      ...label,
      key: undefined,
      form: undefined,
      outcome: 'late',
      traceparent: traceparent('01'),
    });
    assert.equal(named(spans(), 'label').status.message, 'late');
  });

  it('keep no more samples waiting than there is room for', () => {
    const { tracing, spans } = recorder();
    const samples = Array.from({ length: 3000 }, (_, sequence) => ({
      ...{ key: messageKey(`s${sequence}`), sequence, loggedAtMs: 0 },
    }));
    tracing.learning.trained('pets', samples, 0, 1);
    tracing.learning.stored('pets', 1, 3000, 0, 1);
    assert.equal(spans().filter(({ name }) => name === 'snapshot').length, 1024);
  });
});
