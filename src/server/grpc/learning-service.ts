// headwater.v1.LearningService: labels for those without NATS, and the heads.
import { setTimeout as sleep } from 'node:timers/promises';
import { type ServerWritableStream, status as Status } from '@grpc/grpc-js';
import type {
  FeedbackRequest__Output,
  FeedbackResponse,
  Head,
  LearningServiceHandlers,
} from '../../../protos/index.js';
import type { HeadProgress, HeadStatus, LabelInput, LabelResult, Learning } from '../../learner/index.js';
import type { Batcher } from '../batching/batcher.js';
import { listSome, printable, quote, StatusError, toServiceError, toStatusError } from '../errors.js';
import type { Gate } from '../inference/gate.js';
import type { CallContext } from '../inference/infer.js';
import { contextOf, explain, type LogError, unary } from './call.js';
import { headRequest } from './create-head.js';
import { headMessage } from './head-message.js';
import { answerInOrder } from './ordered-stream.js';
import { send } from './send.js';

export interface LearningServiceOptions {
  readonly learning: Learning;
  readonly backbones: ReadonlyMap<string, Batcher>;
  /** Labels being stored, counted one by one. */
  readonly labelGate: Gate;
  /** What the gate holds: a request with more labels could never pass it. */
  readonly labelsInFlight: number;
  /** Whether this process joins labels, and so can tell how they ended. */
  readonly joins: boolean;
  /** Calls about heads, watchers among them. */
  readonly headGate: Gate;
  readonly maxHeads: number;
  readonly streamWindow: number;
  readonly draining: AbortSignal;
  readonly logError: LogError;
}

const MIN_WATCH_INTERVAL_MS = 100;
const DEFAULT_WATCH_INTERVAL_MS = 1000;
const NO_RESULTS: Readonly<Record<LabelResult, number>> = {
  trained: 0,
  duplicate: 0,
  unknown_id: 0,
  late: 0,
  invalid: 0,
};

export function learningService(options: LearningServiceOptions): LearningServiceHandlers {
  const { learning, backbones, headGate, labelGate, labelsInFlight, logError } = options;
  const { heads } = learning;

  const store = async (request: FeedbackRequest__Output): Promise<FeedbackResponse> => {
    if (request.labels.length === 0) {
      throw new StatusError('request_invalid', 'labels: expected at least one label');
    }
    if (request.labels.length > labelsInFlight) {
      const message = `labels: ${request.labels.length} in one request, labels.inFlight is ${labelsInFlight}: send fewer at once`;
      throw new StatusError('request_invalid', message);
    }
    const sequences = await labelGate.run(request.labels.length, () =>
      learning.publishLabels(request.head, request.labels.map(labelInput)),
    );
    return { sequences };
  };
  /** Counts that are still 0 are told, too: none at all means that labels are joined elsewhere. */
  const labelResults = (name: string) =>
    options.joins ? { ...NO_RESULTS, ...learning.labelResults(name) } : learning.labelResults(name);
  /** What GetHead tells: exact, so it needs NATS. */
  const exact = async (status: HeadStatus): Promise<Head> => {
    const { name } = status.definition;
    return headMessage(status, await heads.progress(name), labelResults(name));
  };
  /** As `exact`, but what only NATS knows may be missing. */
  const asKnown = async (status: HeadStatus): Promise<Head> => {
    const { name } = status.definition;
    return headMessage(status, await progressIfKnown(learning, name), labelResults(name));
  };
  const guarded = <Request, Response>(answer: (request: Request) => Promise<Response>) =>
    unary<Request, Response>((request) => headGate.run(1, () => answer(request)), logError);

  return {
    Feedback: unary(store, logError),
    StreamFeedback: (call) => {
      const context = contextOf(call);
      answerInOrder(call, context, {
        window: options.streamWindow,
        draining: options.draining,
        answer: (request) => store(request).catch((error) => refusedFeedback(explain(error, context, logError))),
      });
    },
    CreateHead: guarded(async (request) => {
      const wanted = headRequest(request, backbones);
      const count = heads.list().length;
      if (count >= options.maxHeads && heads.status(wanted.name) === undefined) {
        throw new StatusError('heads_full', `there are ${count} heads, limits.heads is ${options.maxHeads}`);
      }
      return asKnown(await heads.create(wanted));
    }),
    DeleteHead: guarded(async ({ name }) => {
      await heads.delete(statusOf(learning, name).definition.name);
      return {};
    }),
    ListHeads: guarded(async () => {
      const all: Head[] = [];
      for (const status of heads.list()) all.push(await asKnown(status));
      return { heads: all };
    }),
    GetHead: guarded(async ({ name }) => exact(statusOf(learning, name))),
    RollbackHead: guarded(async ({ name, version }) =>
      asKnown(await heads.rollback(statusOf(learning, name).definition.name, version)),
    ),
    WatchHead: (call) => {
      const context = contextOf(call);
      const { name, intervalMs } = call.request;
      headGate
        .run(1, () => watch(call, name, intervalMs, context, { ...options, asKnown }))
        .then(
          () => call.end(),
          (error) => call.emit('error', toServiceError(explain(error, context, logError))),
        );
    },
  };
}

function labelInput(label: FeedbackRequest__Output['labels'][number]): LabelInput {
  return {
    id: label.id,
    label: label.label,
    image: label.image.length > 0 ? label.image : undefined,
    embedding: label.embedding.length > 0 ? label.embedding : undefined,
  };
}

function refusedFeedback(error: StatusError): FeedbackResponse {
  return { sequences: [], error: printable(error.message), code: error.status };
}

/** @throws StatusError head_unknown, or starting while heads are not known yet. */
function statusOf({ heads }: Learning, name: string): HeadStatus {
  const status = heads.status(name);
  if (status !== undefined) return status;
  if (!heads.loaded) {
    throw new StatusError('starting', `head ${quote(name)}: heads are not loaded from NATS yet; try again`);
  }
  const known = listSome(heads.list().map(({ definition }) => definition.name));
  throw new StatusError('head_unknown', `no head ${quote(name)}; there are ${known}`);
}

async function progressIfKnown({ heads }: Learning, name: string): Promise<HeadProgress | undefined> {
  try {
    return await heads.progress(name);
  } catch (error) {
    if (toStatusError(error).status === Status.UNAVAILABLE) return undefined;
    throw error;
  }
}

/** The head's state now and then every interval, until the client cancels, the head is gone, or the server stops. */
async function watch(
  call: ServerWritableStream<unknown, Head>,
  name: string,
  intervalMs: number,
  context: CallContext,
  { learning, draining, asKnown }: LearningServiceOptions & { asKnown: (status: HeadStatus) => Promise<Head> },
): Promise<void> {
  if (intervalMs !== 0 && intervalMs < MIN_WATCH_INTERVAL_MS) {
    const message = `interval_ms: expected 0 (${DEFAULT_WATCH_INTERVAL_MS}) or at least ${MIN_WATCH_INTERVAL_MS}, got ${intervalMs}`;
    throw new StatusError('request_invalid', message);
  }
  const delayMs = intervalMs === 0 ? DEFAULT_WATCH_INTERVAL_MS : Math.min(intervalMs, 2 ** 31 - 1);
  const over = AbortSignal.any([context.signal, draining]);
  let status: HeadStatus | undefined = statusOf(learning, name);
  while (status !== undefined && !over.aborted) {
    await send(call, await asKnown(status), context.signal);
    await sleep(delayMs, undefined, { signal: over }).catch(() => {});
    status = learning.heads.status(name);
  }
  if (draining.aborted) throw new StatusError('draining', 'the server is stopping; try another replica');
}
