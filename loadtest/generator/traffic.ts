// What one kind of request is, and what came of it. Plain data: it travels between processes and into the report.
import type { Arrivals, LoadStep } from './schedule.js';

/** `image`: encoded photos (JPEG). `pixels`: decoded RGB of the network's size. */
export type Input = 'image' | 'pixels';

export interface Traffic {
  /** For the report. */
  readonly name: string;
  readonly arrivals: Arrivals;
  readonly steps: readonly LoadStep[];
  readonly seed: number;
  readonly input: Input;
  /** Of each request. */
  readonly images: number;
  /** Models asked, in turn. */
  readonly models: readonly string[];
  /** From the moment it is sent; undefined: a minute. */
  readonly deadlineMs?: number | undefined;
  /** After each answer its label is sent, joined by the request's id. */
  readonly labels?: boolean;
  /** Source address of its connections, of 127.0.0.0/8: another address is another client to the server. */
  readonly from?: string;
}

/** Requests by how they ended. All but `ok` are answers that are no answers. */
export interface Outcomes {
  readonly ok: number;
  /** Refused at once by the server, because it has too much to do. */
  readonly refused: number;
  /** Not done in time: dropped by the server or given up by the client. */
  readonly expired: number;
  readonly failed: number;
}

/** Of the requests that were due within one second of the schedule. */
export interface SecondCount {
  readonly offered: number;
  readonly outcomes: Outcomes;
  /** Answers with OK that came within this second. */
  readonly answered: number;
  /** Encoded histogram of the answered ones. */
  readonly latency: string;
}

/** What one process saw of a traffic. Times are encoded histograms in milliseconds. */
export interface TrafficCount {
  readonly name: string;
  readonly images: number;
  readonly offered: number;
  readonly outcomes: Outcomes;
  /** From when a request was due to its answer: what a user would wait. */
  readonly latency: string;
  /** From when a request was sent to its refusal: the wait of a client that is on time. */
  readonly refusal: string;
  /** How late requests were sent: the generator's own fault. */
  readonly lateness: string;
  /** Of answered ones, as the server told: time decoding, waiting, computing. */
  readonly stages: { readonly decode: string; readonly queue: string; readonly compute: string };
  /** From sending to the answer without those stages: the server's overhead, the network's and the client's. */
  readonly rest: string;
  readonly seconds: readonly SecondCount[];
  readonly labels: { readonly sent: number; readonly failed: number };
  /** Statuses and messages other than OK, a few. */
  readonly problems: Readonly<Record<string, number>>;
}

export interface ClosedLoop {
  readonly traffic: Pick<Traffic, 'input' | 'images' | 'models'>;
  /** Requests that each process keeps in flight. */
  readonly inFlight: number;
  readonly warmMs: number;
  readonly milliseconds: number;
}

/** Moments (milliseconds from the end of warming up) at which answers came. */
export interface ClosedCount {
  readonly answers: readonly number[];
  /** Of those, in milliseconds: in a closed loop they say how long the line is, nothing else. */
  readonly latencies: readonly number[];
  readonly errors: number;
  readonly lastError: string;
}
