// A collector for tests: takes OTLP over HTTP as protobuf and keeps the spans.
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import protobuf from 'protobufjs';

/** Of opentelemetry/proto/trace/v1/trace.proto what is looked at here. */
const SCHEMA = `
syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue { oneof value { string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; } }
message Span {
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4; string name = 5;
  fixed64 start_time_unix_nano = 7; fixed64 end_time_unix_nano = 8;
  repeated KeyValue attributes = 9; repeated Link links = 13; Status status = 15;
}
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { string message = 2; int32 code = 3; }
`;
const requestType = protobuf.parse(SCHEMA).root.lookupType('ExportTraceServiceRequest');

export interface ReceivedSpan {
  readonly name: string;
  /** Hexadecimal digits; an absent parent is empty. */
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly durationNs: bigint;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly string[];
}

export interface OtlpReceiver {
  readonly url: string;
  readonly spans: readonly ReceivedSpan[];
  readonly services: ReadonlySet<string>;
  /** Of the requests that brought them. */
  readonly headers: readonly IncomingHttpHeaders[];
  /** All bodies. */
  readonly bytes: () => Buffer;
}

export async function startOtlpReceiver(t: Pick<TestContext, 'after'>): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const services = new Set<string>();
  const headers: IncomingHttpHeaders[] = [];
  const bodies: Buffer[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts);
      bodies.push(body);
      headers.push(request.headers);
      for (const { resource, scopeSpans } of decode(body).resourceSpans ?? []) {
        services.add(String(attributesOf(resource)['service.name']));
        for (const scope of scopeSpans ?? []) spans.push(...(scope.spans ?? []).map(readSpan));
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/v1/traces`, spans, services, headers, bytes: () => Buffer.concat(bodies) };
}

interface RawAttributes {
  readonly attributes?: readonly { key: string; value?: Record<string, unknown> }[];
}
interface RawSpan extends RawAttributes {
  readonly name: string;
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId?: Uint8Array;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly links?: readonly { traceId: Uint8Array }[];
}
interface RawRequest {
  readonly resourceSpans?: readonly {
    readonly resource: RawAttributes;
    readonly scopeSpans?: readonly { spans?: readonly RawSpan[] }[];
  }[];
}

function decode(body: Buffer): RawRequest {
  return requestType.toObject(requestType.decode(body), { longs: String }) as RawRequest;
}

function readSpan(span: RawSpan): ReceivedSpan {
  const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');
  return {
    name: span.name,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    durationNs: BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano),
    attributes: attributesOf(span),
    links: (span.links ?? []).map(({ traceId }) => hex(traceId)),
  };
}

function attributesOf({ attributes = [] }: RawAttributes): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value ?? {})[0]]));
}
