// `headwater/client`: Headwater from TypeScript.

export type { ActResponse__Output as ActResponse, Head__Output as Head } from '../../protos/index.js';
export type { ImageAnswer, Prediction, ScoredClass, Timings } from './answer.js';
export type { RetryOptions } from './call-settings.js';
export type { SecurityOptions, TlsOptions } from './channel.js';
export { ERROR_CODES, type ErrorCode } from './error-codes.js';
export { HeadwaterError, type StatusName } from './errors.js';
export type { HeadCalls, HeadDefinition } from './head-calls.js';
export { HeadwaterClient, type HeadwaterClientOptions, type PredictHeadsOptions } from './headwater-client.js';
export type { PredictInput } from './input.js';
export type { LabelInput, StoredLabels } from './labels.js';
export type { Limits } from './limits.js';
export type { PredictOptions, PredictRequest } from './predict-request.js';
export type { FeedbackStream, PredictResult, PredictStream, StreamOptions } from './streams.js';
