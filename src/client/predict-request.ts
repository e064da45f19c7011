import { v7 as uuidv7 } from 'uuid';
import type { ModelInferRequest } from '../../protos/index.js';
import { inferRequest } from './answer.js';
import type { PredictInput } from './input.js';

/** What else can be said about a prediction. */
export interface PredictOptions {
  /** Names the request for a later label; made when it is missing, and told in the answer. 1 to 256 bytes of UTF-8. */
  readonly id?: string | undefined;
  /** So many best classes with their names, instead of the probabilities of all. */
  readonly top?: number | undefined;
  /** An older version of the head; default: the one being served. */
  readonly version?: number | undefined;
}

/** A request to classify. */
export type PredictRequest = PredictInput & PredictOptions & { readonly head: string };

/** An id is always given: a request that is made again then records the same answer, not another one. */
export function singleHeadRequest(request: PredictRequest): ModelInferRequest {
  const { head, id = uuidv7(), top, version } = request;
  return inferRequest({ heads: [head], id, input: request, top, version });
}
