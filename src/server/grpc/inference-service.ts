// inference.GRPCInferenceService: the Open Inference Protocol, with Triton's extensions.
import { status as Status } from '@grpc/grpc-js';
import type {
  GRPCInferenceServiceHandlers,
  InferParameter,
  ModelInferRequest__Output,
  ModelMetadataResponse,
} from '../../../protos/index.js';
import { inputsOf, outputsOf } from '../codec/model.js';
import { asStreamAnswer, type StageTimings } from '../codec/response.js';
import { printable, retryDelayMs, StatusError } from '../errors.js';
import type { CallContext } from '../inference/call-context.js';
import type { Gate } from '../inference/gate.js';
import { type InferDependencies, type Inferred, infer } from '../inference/infer.js';
import { BACKBONE_VERSION, type Models } from '../inference/models.js';
import { onCurrentBackbone } from '../repository/on-current.js';
import type { RequestEnd } from '../repository/statistics-book.js';
import { demand } from '../security/caller.js';
import { Stages } from '../tracing/stages.js';
import type { Tracing } from '../tracing/tracing.js';
import { contextOf, explain, type LogError, traceparentOf, unary } from './call.js';
import { answerInOrder } from './ordered-stream.js';
import { repositoryCalls } from './repository-calls.js';
import { type LogLevel, unsupportedCalls } from './unsupported-calls.js';

/** What is answered of Triton's extensions, by its names. */
const EXTENSIONS = [
  'classification',
  'model_configuration',
  'model_repository',
  'model_repository(unload_dependents)',
  'statistics',
];

export interface InferenceServiceOptions extends InferDependencies {
  /** Requests in progress. */
  readonly gate: Gate;
  /** Requests of one stream in progress. */
  readonly streamWindow: number;
  /** Where other files than the configured ones may be loaded from; null: nowhere. */
  readonly repositoryFolder: string | null;
  readonly logLevel: LogLevel;
  readonly version: string;
  /** Whether new requests should be sent here. */
  readonly ready: () => boolean;
  readonly draining: AbortSignal;
  readonly logError: LogError;
  /** Told of each ModelInfer and each request of a stream. `code` is a gRPC status name. */
  readonly onRequest: (
    model: string,
    code: string,
    totalMs: number,
    timings: StageTimings | undefined,
    details: RequestDetails,
  ) => void;
  /** undefined: no traces. */
  readonly tracing?: Pick<Tracing, 'request'> | undefined;
}

export interface RequestDetails {
  /** Empty when it failed and had none. */
  readonly id: string;
  /** Whose share of the queue it counted against. */
  readonly client: string;
  /** The trace that shows it. */
  readonly traceId: string | undefined;
  /** Why it was not answered. */
  readonly error: StatusError | undefined;
}

export function inferenceService(options: InferenceServiceOptions): GRPCInferenceServiceHandlers {
  const { models, logError, gate, tracing } = options;

  const measured = async (request: ModelInferRequest__Output, call: CallContext): Promise<Inferred> => {
    const start = performance.now();
    const context = tracing === undefined ? call : { ...call, stages: new Stages() };
    const told = (code: Status, inferred?: Inferred, error?: StatusError) => {
      const end = performance.now();
      const totalMs = end - start;
      const id = inferred?.response.id ?? request.id;
      const traceId = tracing?.request({
        ...{ id, images: imagesOf(inferred), model: request.modelName, code: Status[code], problem: error?.message },
        ...{ start, end, stages: context.stages?.all ?? [], traceparent: traceparentOf(context) },
      });
      const details = { id, client: call.caller.client, traceId, error };
      options.onRequest(request.modelName, Status[code], totalMs, inferred?.timings, details);
      countRequest(models, request.modelName, requestEnd(code, totalMs, inferred));
    };
    try {
      const inferred = await gate.run(1, () => onCurrentBackbone(() => infer(request, context, options)));
      told(Status.OK, inferred);
      return inferred;
    } catch (error) {
      const known = explain(error, context, logError);
      told(known.status, undefined, known);
      throw known;
    }
  };

  return {
    ServerLive: unary(async () => ({ live: true }), logError),
    ServerReady: unary(async () => ({ ready: options.ready() }), logError),
    ServerMetadata: unary(
      async () => ({ name: 'headwater', version: options.version, extensions: EXTENSIONS }),
      logError,
    ),
    ModelReady: unary(async ({ name, version }, { caller }) => {
      demand(caller, 'infer', name);
      return { ready: await isReady(models, name, version) };
    }, logError),
    ModelMetadata: unary(async ({ name, version }, { caller }) => {
      demand(caller, 'infer', name);
      return metadata(models, name, version);
    }, logError),
    ...repositoryCalls(options),
    ...unsupportedCalls(options.logLevel, logError),
    ModelInfer: unary(async (request, context) => (await measured(request, context)).response, logError),
    ModelStreamInfer: (call) => {
      const context = contextOf(call);
      answerInOrder(call, context, {
        window: options.streamWindow,
        draining: options.draining,
        answer: (request) =>
          measured(request, context).then(
            ({ response }) => ({ inferResponse: asStreamAnswer(response) }),
            (error: StatusError) => ({
              errorMessage: printable(`${Status[error.status]}: ${error.message}`),
              // So that a client can tell which of its requests it was.
              inferResponse: asStreamAnswer({
                id: request.id,
                modelName: request.modelName,
                modelVersion: request.modelVersion,
                parameters: errorParameters(error),
              }),
            }),
          ),
      });
    },
  };
}

/** What the trailers of a call of its own would have said. */
function errorParameters(error: StatusError): Record<string, InferParameter> {
  const delay = retryDelayMs(error);
  return {
    headwater_error: { stringParam: error.code },
    ...(delay !== undefined && { retry_delay_ms: { stringParam: String(delay) } }),
  };
}

function requestEnd(code: Status, totalMs: number, inferred: Inferred | undefined): RequestEnd {
  if (inferred === undefined) return { kind: code === Status.CANCELLED ? 'cancelled' : 'failed', totalMs };
  return { kind: 'answered', images: imagesOf(inferred), totalMs, ...inferred.timings };
}

/** Every output begins with the number of images. */
function imagesOf(inferred: Inferred | undefined): number {
  return Number(inferred?.response.outputs?.[0]?.shape?.[0] ?? 0);
}

/** Names that do not exist are strangers': nothing is kept of them. */
function countRequest({ backbones, heads }: Models, name: string, end: RequestEnd): void {
  const head = heads.status(name);
  if (backbones.isConfigured(name)) backbones.statistics.backboneRequest(name, end);
  else if (head !== undefined) {
    const exists = (other: string) => heads.status(other) !== undefined;
    backbones.statistics.headRequest(name, head.definition.generation, end, exists);
  }
}

/** @throws StatusError model_unknown, version_unknown: a name that does not exist is not just "not ready". */
async function isReady(models: Models, name: string, version: string): Promise<boolean> {
  try {
    await models.resolve(name, version);
    return true;
  } catch (error) {
    if (error instanceof StatusError && error.status === Status.NOT_FOUND) throw error;
    return false;
  }
}

async function metadata(models: Models, name: string, version: string): Promise<ModelMetadataResponse> {
  const { spec, status } = models.describe(name);
  // Checks the version that was asked for.
  if (version !== '') await models.resolve(name, version);
  const versions = status === undefined ? [BACKBONE_VERSION] : status.versions.map((entry) => String(entry.version));
  const writable = <T extends { shape: readonly number[] }>(tensor: T) => ({ ...tensor, shape: [...tensor.shape] });
  return {
    name,
    versions: versions.length > 0 ? versions : ['0'],
    platform: 'headwater',
    inputs: inputsOf(spec).map(writable),
    outputs: outputsOf(spec).map(writable),
  };
}
