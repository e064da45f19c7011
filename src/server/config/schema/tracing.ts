// OpenTelemetry traces: off unless a collector is named.
import { z } from 'zod';
import { real, text } from '../fields.js';

const endpoint = z
  .string({ error: 'expected null or the URL of a collector, such as http://localhost:4318/v1/traces' })
  .refine((url) => /^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''), {
    error: 'expected the URL of a collector, such as http://localhost:4318/v1/traces',
  })
  .refine((url) => !URL.canParse(url) || new URL(url).username + new URL(url).password === '', {
    error: 'expected a URL without credentials: put them into tracing.headersFile (authorization: ...)',
  });

export const tracing = z.strictObject({
  endpoint: endpoint
    .nullable()
    .default(null)
    .describe(
      'where spans are sent by OTLP over HTTP (protobuf), such as http://localhost:4318/v1/traces; null: no traces',
    ),
  sample: real(0, 1)
    .default(0.01)
    .describe('part of the requests and labels that are traced, where no caller has decided by its traceparent'),
  headersFile: text('the path of a YAML file')
    .nullable()
    .default(null)
    .describe('YAML file of `name: value` lines that are sent as HTTP headers, such as an authorization'),
  serviceName: text('a name').default('headwater').describe('service.name of the spans'),
});
