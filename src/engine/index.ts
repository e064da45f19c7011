export type {
  Backbone,
  BackboneInfo,
  BackboneOptions,
  EmbeddedBatch,
  EngineLog,
  ImageSettings,
  Images,
} from './backbone.js';
export { EngineError } from './backbone.js';
export type { BenchOptions, BenchReport, EngineFigures } from './bench.js';
export { benchModel } from './bench.js';
export type { GraphReport, InspectOptions, ModelReport, PlanReport } from './inspect.js';
export { inspectModel } from './inspect.js';
export type { LayerTime } from './layer-times.js';
export { loadBackbone } from './load-backbone.js';
export { countThreads } from './threads.js';
export type { ModelTimes, TimedReport, TimeOptions } from './time-model.js';
export { timeModel } from './time-model.js';
