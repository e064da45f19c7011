// What changes a head, or asks it: the same calls as over gRPC, under the same scopes.
import type { IncomingMessage } from 'node:http';
import type { handleUnaryCall } from '@grpc/grpc-js';
import type {
  LearningServiceHandlers,
  ModelInferRequest__Output,
  ModelInferResponse,
} from '../../../../protos/index.js';
import { StatusError } from '../../errors.js';
import { callInProcess, type InProcessContext } from '../../grpc/in-process.js';
import { demand } from '../../security/caller.js';
import { checkNeed } from '../../security/interceptor.js';
import { METHODS } from '../../security/methods.js';
import { readBody, readJson, textField, versionField } from './body.js';
import { needServices } from './need.js';
import type { ApiParts } from './parts.js';

/** Classes that a prediction is answered with. */
const BEST = 10;

const LEARNING = '/headwater.v1.LearningService';
const INFER = '/inference.GRPCInferenceService/ModelInfer';

/** Calls a method of the LearningService. */
function learningCall<Method extends 'RollbackHead' | 'PromoteHead' | 'Feedback'>(
  parts: ApiParts,
  context: InProcessContext,
  method: Method,
  request: Parameters<LearningServiceHandlers[Method]>[0] extends { request: infer Request } ? Request : never,
): Promise<unknown> {
  const handler = needServices(parts).learning[method] as handleUnaryCall<typeof request, unknown>;
  return callInProcess(`${LEARNING}/${method}`, handler, request, context);
}

/** Serves an older version and pins it. */
export async function pin(parts: ApiParts, context: InProcessContext, name: string, request: IncomingMessage) {
  demand(context.caller, 'admin', name);
  const version = versionField(await readJson(request));
  return learningCall(parts, context, 'RollbackHead', { name, version });
}

export async function unpin(parts: ApiParts, context: InProcessContext, name: string) {
  return learningCall(parts, context, 'RollbackHead', { name, version: 0 });
}

export async function promote(parts: ApiParts, context: InProcessContext, name: string, request: IncomingMessage) {
  demand(context.caller, 'admin', name);
  const candidate = textField(await readJson(request), 'candidate');
  return learningCall(parts, context, 'PromoteHead', { name, candidate });
}

/** One label for what was answered. */
export async function label(parts: ApiParts, context: InProcessContext, name: string, request: IncomingMessage) {
  demand(context.caller, 'label', name);
  const body = await readJson(request);
  const [id, given] = [textField(body, 'id'), textField(body, 'label')];
  if (id === '') throw new StatusError('request_invalid', 'id: expected the id of a prediction');
  const labels = [{ id, label: given, image: Buffer.alloc(0), embedding: [] }];
  return learningCall(parts, context, 'Feedback', { head: name, labels });
}

/**
 * Classes of one image. The credentials are looked at before the body is read.
 * @param limit bytes of the body
 */
export async function predict(
  parts: ApiParts,
  context: InProcessContext,
  name: string,
  request: IncomingMessage,
  limit: number,
): Promise<object> {
  checkNeed(context.caller, METHODS.get(INFER)!);
  demand(context.caller, 'infer', name);
  const { inference } = needServices(parts);
  const image = await readBody(request, limit);
  const handler = inference.ModelInfer as handleUnaryCall<ModelInferRequest__Output, ModelInferResponse>;
  const response = await callInProcess(INFER, handler, inferRequest(name, image), context);
  return predictionOf(response);
}

function inferRequest(head: string, image: Buffer): ModelInferRequest__Output {
  const none = { parameters: {} };
  const contents = {
    boolContents: [],
    intContents: [],
    int64Contents: [],
    uintContents: [],
    uint64Contents: [],
    fp32Contents: [],
    fp64Contents: [],
    bytesContents: [image],
  };
  return {
    ...{ modelName: head, modelVersion: '', id: '', ...none },
    inputs: [{ name: 'image', datatype: 'BYTES', shape: [1], ...none, contents }],
    outputs: [
      { name: 'probabilities', parameters: { classification: { int64Param: BEST, parameterChoice: 'int64Param' } } },
    ],
    rawInputContents: [],
  };
}

/** `probability:index:name` of each class, as the classification extension has it. */
function predictionOf({ id, modelName, modelVersion, parameters = {}, outputs = [] }: ModelInferResponse): object {
  const best = (outputs[0]?.contents?.bytesContents ?? []).map((entry) => {
    const [probability = '', , ...name] = Buffer.from(entry).toString('utf8').split(':');
    return { name: name.join(':'), probability: Number(probability) };
  });
  const milliseconds = (stage: string) => Number(parameters[`${stage}_ms`]?.stringParam ?? Number.NaN);
  return {
    ...{ head: modelName, version: Number(modelVersion), id, recorded: parameters.recorded?.boolParam ?? false },
    classes: best,
    decodeMs: milliseconds('decode'),
    queueMs: milliseconds('queue'),
    computeMs: milliseconds('compute'),
  };
}
