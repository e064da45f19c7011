// What a scenario is: a description of load, and what it promises of the result. Both are pure.
import type { Input, Traffic, TrafficCount } from '../generator/traffic.js';
import type { Sample, ServerChange } from '../run/results.js';

/** What a plan follows from. */
export interface Given {
  /** Images a second that the server does at most, measured right before (or given). */
  readonly capacity: number;
  /** Images a batch at most. */
  readonly batch: number;
  readonly input: Input;
  /** Heads that are there. */
  readonly heads: readonly string[];
  readonly seed: number;
  /** 1: as long as the scenario wants; less: a trial. */
  readonly scale: number;
  /** Of a soak. */
  readonly minutes: number;
}

/** Clients that do not behave, all at once. */
export interface SlowClients {
  /** Streams that ask and never read an answer. */
  readonly neverRead: number;
  /** Calls whose message never becomes complete. */
  readonly halfMessages: number;
  /** Connections that take answers byte by byte. */
  readonly tinyWindows: number;
  /** Idle streams that one connection tries to open. */
  readonly streams: number;
  /** Connections that say nothing. */
  readonly silent: number;
}

/** Traffic for a while; its kinds run beside each other. */
export interface Phase {
  readonly name: string;
  readonly traffic: readonly Traffic[];
  readonly beside?: SlowClients;
  /** Rest before the next phase. */
  readonly settleMs?: number;
}

export interface Scenario {
  readonly name: string;
  /** One sentence: the load, and what the server promises under it. */
  readonly about: string;
  /** The whole is repeated so often, so that phases which are compared are neighbours in time. */
  readonly rounds: number;
  /** Heads of the server; default 1. */
  readonly heads?: number;
  /** What the heads train; default: the server's default. */
  readonly learners?: readonly string[];
  /** Laid over the server's configuration. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** How often /metrics is read; default: every second. */
  readonly scrapeEveryMs?: number;
  plan(given: Given): readonly Phase[];
  check(result: LoadResult): readonly Verdict[];
}

/** A promise and whether it was kept. */
export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  /** What was measured, in words. */
  readonly measured: string;
}

export interface PhaseResult {
  readonly name: string;
  readonly round: number;
  /** Which server. */
  readonly target: string;
  /** Seconds from the begin of the scenario. */
  readonly start: number;
  readonly seconds: number;
  readonly counts: readonly TrafficCount[];
  readonly samples: readonly Sample[];
  /** What the server's own counters say of this phase; undefined where it tells nothing. */
  readonly server: ServerChange | undefined;
}

export interface LoadResult {
  readonly given: Given;
  /** Images a second of each server, in the closed loop. */
  readonly capacities: Readonly<Record<string, number>>;
  readonly phases: readonly PhaseResult[];
  /** The server at rest, before the load and after it. */
  readonly rest: { readonly before: Sample; readonly after: Sample };
  /** How Headwater's process ended. */
  readonly exit: number | string;
}
