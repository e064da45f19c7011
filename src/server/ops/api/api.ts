// The API over HTTP, which the live page uses: docs/http.md lists what there is.
import type { IncomingMessage } from 'node:http';
import { StatusError } from '../../errors.js';
import { explain } from '../../grpc/call.js';
import type { InProcessContext } from '../../grpc/in-process.js';
import { Gate } from '../../inference/gate.js';
import { unidentified } from '../../security/authenticator.js';
import { type Answer, json, PLAIN } from '../answer.js';
import { label, pin, predict, promote, unpin } from './acts.js';
import { engine, measureLayers } from './engine.js';
import { errorAnswer } from './errors.js';
import { oneHead } from './head.js';
import { overview } from './overview.js';
import type { ApiParts } from './parts.js';

/** A request is answered within this time, or ends. */
const DEADLINE_MS = 20_000;
/** Images that are held at once while they arrive. */
const MAX_UPLOADS = 4;
/** Largest image: one dropped into the page comes from a person; programs use gRPC. */
const MAX_IMAGE = 16 * 2 ** 20;

export const API_PREFIX = '/api/v1/';

type Handler = (context: InProcessContext, names: readonly string[]) => unknown;

export class HttpApi {
  private readonly uploads = new Gate(
    MAX_UPLOADS,
    (limit) => new StatusError('requests_full', `more than ${limit} images at once; try again`, { retryDelayMs: 500 }),
  );

  constructor(private readonly parts: ApiParts) {}

  /** Never throws: what goes wrong is answered. The guard has let the request in. */
  async answer(request: IncomingMessage, url: URL, closed: AbortSignal): Promise<Answer> {
    const route = this.route(request, url);
    if (route === undefined)
      return { status: 404, type: PLAIN, body: 'there is no such page; docs/http.md lists them\n' };
    if (route.method !== request.method && !(route.method === 'GET' && request.method === 'HEAD')) {
      return { status: 405, type: PLAIN, body: `only ${route.method}\n`, headers: { allow: route.method } };
    }
    const context = { caller: unidentified(''), deadlineMs: Date.now() + DEADLINE_MS, signal: closed };
    try {
      context.caller = this.parts.callers(request);
      return json(await route.answer(context, route.names));
    } catch (error) {
      const known = explain(error, context, this.parts.logError);
      if (known.code === 'permission_denied') this.parts.onDenied(request);
      return errorAnswer(known);
    }
  }

  private route(request: IncomingMessage, url: URL) {
    const path = url.pathname.slice(API_PREFIX.length);
    for (const [method, pattern, answer] of this.routes(request, url)) {
      const match = pattern.exec(path);
      if (match !== null) return { method, answer, names: match.slice(1) };
    }
    return undefined;
  }

  private routes(request: IncomingMessage, url: URL): [method: 'GET' | 'POST', path: RegExp, answer: Handler][] {
    const { parts } = this;
    const since = Number(url.searchParams.get('since') ?? 0) || 0;
    const maxImage = Math.min(MAX_IMAGE, parts.config.images.maxBytes);
    const head = (act: string) => new RegExp(`^heads/([a-z0-9][a-z0-9_-]{0,62})/${act}$`);
    return [
      ['GET', /^overview$/, ({ caller }) => overview(parts, caller, since)],
      ['GET', /^engine$/, ({ caller }) => engine(parts, caller)],
      ['GET', /^heads\/([a-z0-9][a-z0-9_-]{0,62})$/, ({ caller }, [name]) => oneHead(parts, caller, name!, since)],
      [
        'POST',
        head('predict'),
        (context, [name]) => this.uploads.run(1, () => predict(parts, context, name!, request, maxImage)),
      ],
      ['POST', head('labels'), (context, [name]) => label(parts, context, name!, request)],
      ['POST', head('(?:rollback|pin)'), (context, [name]) => pin(parts, context, name!, request)],
      ['POST', head('unpin'), (context, [name]) => unpin(parts, context, name!)],
      ['POST', head('promote'), (context, [name]) => promote(parts, context, name!, request)],
      [
        'POST',
        /^backbones\/([a-z0-9][a-z0-9_-]{0,62})\/layers$/,
        ({ caller }, [name]) => measureLayers(parts, caller, name!),
      ],
    ];
  }
}
