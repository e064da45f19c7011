// headwater.v1.LearningService: labels for those without NATS, and the heads.
import type {
  ActResponse,
  FeedbackRequest__Output,
  FeedbackResponse,
  LearningServiceHandlers,
} from '../../../protos/index.js';
import type { HeadAct, HeadRequest, LabelInput, Learning } from '../../learner/index.js';
import { embeddingSettings } from '../backbones.js';
import { printable, retryDelayMs, StatusError, toServiceError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import type { Gate } from '../inference/gate.js';
import type { BackboneRegistry } from '../repository/backbone-registry.js';
import { type Caller, demand, demandSight, maySee } from '../security/caller.js';
import { contextOf, explain, type LogError, traceparentOf, unary } from './call.js';
import { headRequest } from './create-head.js';
import { deleteClassAct, learnersAct, performAct, promoteAct, renameClassAct } from './head-acts.js';
import { KnownHeads } from './known-head.js';
import { answerInOrder } from './ordered-stream.js';
import { receiveFile, sendFile } from './transfer.js';
import { watchHead } from './watch-head.js';

export interface LearningServiceOptions {
  readonly learning: Learning;
  readonly backbones: BackboneRegistry;
  /** Labels being stored, counted one by one. */
  readonly labelGate: Gate;
  /** What the gate holds: a request with more labels could never pass it. */
  readonly labelsInFlight: number;
  /** Whether this process joins labels, and so can tell how they ended. */
  readonly joins: boolean;
  /** Calls about heads, watchers among them. */
  readonly headGate: Gate;
  /** Exports and imports: each holds a whole file. */
  readonly transferGate: Gate;
  readonly maxHeads: number;
  /** Largest file that is imported. */
  readonly maxHeadBytes: number;
  readonly streamWindow: number;
  readonly draining: AbortSignal;
  readonly logError: LogError;
  /** Told of what an operator did to a head: one line each. */
  readonly logAct?: (event: string, fields: Readonly<Record<string, unknown>>, message: string) => void;
  /** Whether a call's trace context goes with its labels. */
  readonly traced?: boolean;
}

export function learningService(options: LearningServiceOptions): LearningServiceHandlers {
  return { ...feedbackHandlers(options), ...headHandlers(options), ...actHandlers(options) };
}

function feedbackHandlers(
  options: LearningServiceOptions,
): Pick<LearningServiceHandlers, 'Feedback' | 'StreamFeedback'> {
  const { learning, labelGate, labelsInFlight, logError } = options;
  const store = async (request: FeedbackRequest__Output, context: CallContext): Promise<FeedbackResponse> => {
    demand(context.caller, 'label', request.head);
    if (request.labels.length === 0) {
      throw new StatusError('request_invalid', 'labels: expected at least one label');
    }
    if (request.labels.length > labelsInFlight) {
      const message = `labels: ${request.labels.length} in one request, labels.inFlight is ${labelsInFlight}: send fewer at once`;
      throw new StatusError('request_invalid', message);
    }
    const sequences = await labelGate.run(request.labels.length, () =>
      learning.publishLabels(
        request.head,
        request.labels.map(labelInput),
        options.traced ? traceparentOf(context) : undefined,
      ),
    );
    return { sequences };
  };
  return {
    Feedback: unary(store, logError),
    StreamFeedback: (call) => {
      const context = contextOf(call);
      answerInOrder(call, context, {
        window: options.streamWindow,
        draining: options.draining,
        answer: (request) =>
          store(request, context).catch((error) => refusedFeedback(explain(error, context, logError))),
      });
    },
  };
}

type HeadCall =
  | 'CreateHead'
  | 'DeleteHead'
  | 'ListHeads'
  | 'GetHead'
  | 'RollbackHead'
  | 'WatchHead'
  | 'ExportHead'
  | 'ImportHead';

function headHandlers(options: LearningServiceOptions): Pick<LearningServiceHandlers, HeadCall> {
  const { learning, backbones, headGate, transferGate, draining, logError } = options;
  const { heads } = learning;
  const known = new KnownHeads(learning, options.joins);
  const guarded = <Request, Response>(answer: (request: Request, caller: Caller) => Promise<Response>) =>
    unary<Request, Response>((request, { caller }) => headGate.run(1, () => answer(request, caller)), logError);
  const newHead = (request: Parameters<typeof headRequest>[0], caller: Caller) => {
    demand(caller, 'admin', request.name);
    const wanted = headRequest(request, backbones);
    const count = heads.list().length;
    if (count >= options.maxHeads && heads.status(wanted.name) === undefined) {
      throw new StatusError('heads_full', `there are ${count} heads, limits.heads is ${options.maxHeads}`);
    }
    return wanted;
  };
  const tell = (event: string, head: string, { client }: Caller, what: string, fields = {}) =>
    options.logAct?.(event, { head, client, ...fields }, `head '${head}': ${what}`);
  /** Undefined when the backbone that the head was taught on is not here. */
  const settingsOf = (head: Pick<HeadRequest, 'backbone' | 'backboneIdentity'>) => {
    const backbone = backbones.loaded.get(head.backbone)?.backbone;
    return backbone?.identity === head.backboneIdentity ? embeddingSettings(backbone) : undefined;
  };

  return {
    CreateHead: guarded(async (request, caller) => {
      const created = await heads.create(newHead(request, caller));
      tell('head_created', created.definition.name, caller, 'created');
      return known.asKnown(created);
    }),
    DeleteHead: guarded(async ({ name, expectedVersion }, caller) => {
      demand(caller, 'admin', name);
      const { definition } = known.need(name);
      if (expectedVersion === undefined) {
        const message =
          'expected_version: expected a version of the head that you have seen, or 0 for one that has none; got nothing';
        throw new StatusError('request_invalid', message);
      }
      await heads.delete(definition.name, expectedVersion);
      tell('head_deleted', definition.name, caller, `deleted (version ${expectedVersion} had been seen)`);
      return {};
    }),
    ListHeads: guarded(async (_request, caller) => {
      const seen = heads.list().filter(({ definition }) => maySee(caller, definition.name));
      return { heads: seen.map((status) => known.asKnown(status)) };
    }),
    GetHead: guarded(async ({ name }, caller) => {
      demandSight(caller, name);
      return known.exact(known.need(name));
    }),
    RollbackHead: guarded(async ({ name, version }, caller) => {
      demand(caller, 'admin', name);
      const rolled = await heads.rollback(known.need(name).definition.name, version);
      const what = version === 0 ? 'the pin is released: the newest version serves' : `pinned to version ${version}`;
      tell('head_rolled_back', name, caller, what, { version });
      return known.asKnown(rolled);
    }),
    WatchHead: (call) => {
      const context = contextOf(call);
      const watching = headGate.run(1, () => watchHead(call, context, { heads, known, draining }));
      endWith(call, watching, context, logError);
    },
    ExportHead: (call) => {
      const context = contextOf(call);
      const { name, version } = call.request;
      const sending = headGate.run(1, () =>
        transferGate.run(1, async () => {
          demand(context.caller, 'admin', name);
          const { definition } = known.need(name);
          await sendFile(call, await heads.export(definition.name, version, settingsOf(definition)), context);
        }),
      );
      endWith(call, sending, context, logError);
    },
    ImportHead: (call, callback) => {
      const context = contextOf(call);
      const receive = async () => {
        const check = (head: Parameters<typeof newHead>[0]) => newHead(head, context.caller);
        const { head, bytes } = await receiveFile(call, context, options.maxHeadBytes, check);
        const wanted = check(head);
        const imported = await heads.import(wanted, bytes, settingsOf(wanted));
        tell('head_imported', wanted.name, context.caller, `imported from a file of ${bytes.length} bytes`);
        return known.asKnown(imported);
      };
      headGate
        .run(1, () => transferGate.run(1, receive))
        .then(
          (head) => callback(null, head),
          (error) => callback(toServiceError(explain(error, context, logError))),
        );
    },
  };
}

type ActCall = 'PromoteHead' | 'SetLearners' | 'DeleteClass' | 'RenameClass';

function actHandlers(options: LearningServiceOptions): Pick<LearningServiceHandlers, ActCall> {
  const { learning, headGate, draining, logError } = options;
  const { heads } = learning;
  const known = new KnownHeads(learning, options.joins);
  const act = <Fields>(read: (request: Fields) => HeadAct) => {
    type Request = Fields & { readonly name: string };
    const perform = async (request: Request, context: CallContext): Promise<ActResponse> => {
      const { caller } = context;
      demand(caller, 'admin', request.name);
      const wanted = read(request);
      const done = await performAct(heads, known.need(request.name), wanted, context, draining);
      const fields = { head: request.name, client: caller.client, act: wanted, sequence: done.sequence };
      options.logAct?.('head_act_asked', fields, `head '${request.name}': ${wanted.kind} is in its log`);
      return { ...done, head: known.asKnown(known.need(request.name)) };
    };
    return unary((request: Request, context) => headGate.run(1, () => perform(request, context)), logError);
  };
  return {
    PromoteHead: act(promoteAct),
    SetLearners: act(learnersAct),
    DeleteClass: act(deleteClassAct),
    RenameClass: act(renameClassAct),
  };
}

/** Ends a server stream when its work is done, or with the error that it failed with. */
function endWith(
  call: { end(): unknown; emit(event: 'error', error: unknown): unknown },
  work: Promise<void>,
  context: CallContext,
  logError: LogError,
): void {
  work.then(
    () => call.end(),
    (error) => call.emit('error', toServiceError(explain(error, context, logError))),
  );
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
  const { code: errorCode, status: code, message } = error;
  return { sequences: [], error: printable(message), code, errorCode, retryDelayMs: retryDelayMs(error) ?? 0 };
}
