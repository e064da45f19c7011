// The native addon: what runs plans, off the event loop.
export type { Arithmetic, SgdStep, SoftmaxProblem } from './arithmetic.js';
export { encodePlan, stepKinds } from './encode.js';
export type { Executor, ExecutorOptions, Isa, Native, NativeAbsent, RunItem, RunResult } from './executor.js';
export { mostThreads } from './executor.js';
export { loadNative } from './load.js';
export * from './plan.js';
