export { FoldPool } from './fold/fold-pool.js';
export { type FoldOutcome, HeadFold } from './fold/head-fold.js';
export { encodeSample } from './fold/log-entry.js';
export { classify, topK } from './head/classify.js';
export { argmax } from './head/softmax.js';
export { defaultLearnerOptions } from './learners/learner-options.js';
export type {
  EmbeddedImage,
  ExportedHead,
  HeadAct,
  HeadProgress,
  HeadRequest,
  HeadStatus,
  Heads,
  ImageEmbedder,
  LabelInput,
  Learning,
  LearningObserver,
  QueueDepth,
  ServedItem,
} from './learning.js';
export { type Checked, checkClassName, checkRequestId, isHeadName, MAX_ID_BYTES } from './names.js';
export { type NatsSecurity, type SecurityNames, secureOptions } from './nats/connection/nats-security.js';
export { type NatsAddress, parseNatsUrls } from './nats/connection/nats-url.js';
export { setupProblem } from './nats/connection/refusals.js';
export { type SecurityKey, securityProblem } from './nats/connection/security-options.js';
export { DEFAULT_STREAM_BYTES, type StreamBytes } from './nats/streams/streams.js';
export type { LearningOptions, Role } from './options.js';
export type { VersionComparison } from './replay/compare-versions.js';
export { type ReplayOptions, type ReplayProgress, type ReplayResult, replayHead } from './replay/replay-head.js';
export { startLearning } from './start-learning.js';
export type { LearningTracer, TracedLabel, TracedSample } from './tracing.js';
export * from './types.js';
