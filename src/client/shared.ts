// What the command line of the server uses besides: calls made once, with grpc-js's own errors, and how they are made again.
export type { Prediction } from './answer.js';
export { type ChannelSecurity, channelSecurity } from './channel.js';
export {
  isFaultOfRequest,
  isServiceError,
  isTransient,
  isUnreachable,
  isUntrusted,
  retryPushbackMs,
} from './grpc-errors.js';
export { feedbackRequest, readFeedback } from './labels.js';
export { isLoopback } from './loopback.js';
export { OrderedCalls } from './ordered-calls.js';
export { DEFAULT_RETRY, type RetryPolicy, withRetry } from './retry.js';
export { type NewHead, ServiceCalls } from './service-calls.js';
export { Slots } from './slots.js';
