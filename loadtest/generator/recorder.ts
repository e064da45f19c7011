import type { ServiceError } from '@grpc/grpc-js';
import { status as Status } from '@grpc/grpc-js';
import type { ModelInferResponse__Output } from '../../protos/index.js';
import { LatencyHistogram } from './histogram.js';
import type { Outcomes, Traffic, TrafficCount } from './traffic.js';

/** Kinds of problems that are listed; names of strangers stay out of the rest. */
const MOST_PROBLEMS = 20;
const PROBLEM_LENGTH = 160;

type Outcome = keyof Outcomes;
type Counts = Record<Outcome, number>;

interface Second {
  offered: number;
  answered: number;
  readonly outcomes: Counts;
  readonly latency: LatencyHistogram;
}

/** The three moments of a request, in milliseconds of one clock. */
export interface Moments {
  readonly due: number;
  readonly sent: number;
  readonly ended: number;
}

/** How a request ended. A client's own deadline says `Deadline exceeded after`; the server's refusals say why. */
export function outcomeOf(error: Pick<ServiceError, 'code' | 'details'> | null): Outcome {
  if (error === null) return 'ok';
  if (error.code === Status.RESOURCE_EXHAUSTED) return 'refused';
  if (error.code === Status.DEADLINE_EXCEEDED) return /: not run: /.test(error.details) ? 'refused' : 'expired';
  return 'failed';
}

/** Counts what becomes of one traffic's requests in one process. */
export class TrafficRecorder {
  private readonly latency = LatencyHistogram.create();
  private readonly refusal = LatencyHistogram.create();
  private readonly lateness = LatencyHistogram.create();
  private readonly rest = LatencyHistogram.create();
  private readonly stages = {
    decode: LatencyHistogram.create(),
    queue: LatencyHistogram.create(),
    compute: LatencyHistogram.create(),
  };
  private readonly outcomes: Counts = { ok: 0, refused: 0, expired: 0, failed: 0 };
  private readonly seconds: Second[] = [];
  private readonly problems: Record<string, number> = {};
  readonly labels = { sent: 0, failed: 0 };
  private offered = 0;

  /** @param traffic whose requests these are. @param seconds the schedule's length */
  constructor(
    private readonly traffic: Pick<Traffic, 'name' | 'images'>,
    seconds: number,
  ) {
    for (let index = 0; index < Math.ceil(seconds); index++) this.seconds.push(emptySecond());
  }

  /** @param due milliseconds from the start */
  send(due: number, sent: number): void {
    this.offered++;
    this.lateness.record(sent - due);
    this.secondOf(due).offered++;
  }

  end({ due, sent, ended }: Moments, error: ServiceError | null, response?: ModelInferResponse__Output): void {
    const outcome = outcomeOf(error);
    this.outcomes[outcome]++;
    this.secondOf(due).outcomes[outcome]++;
    if (error !== null) {
      if (outcome === 'refused') this.refusal.record(ended - sent);
      this.note(`${Status[error.code]}: ${error.details}`);
      return;
    }
    this.latency.record(ended - due);
    this.secondOf(due).latency.record(ended - due);
    const at = this.seconds[Math.floor(ended / 1000)];
    if (at !== undefined) at.answered++;
    this.recordStages(ended - sent, response);
  }

  progress(): { offered: number; ok: number; refused: number; failed: number; p99: number } {
    const { ok, refused, expired, failed } = this.outcomes;
    return { offered: this.offered, ok, refused, failed: failed + expired, p99: this.latency.quantile(0.99) };
  }

  result(): TrafficCount {
    const { name, images } = this.traffic;
    return {
      name,
      images,
      offered: this.offered,
      outcomes: { ...this.outcomes },
      latency: this.latency.encode(),
      refusal: this.refusal.encode(),
      lateness: this.lateness.encode(),
      stages: {
        decode: this.stages.decode.encode(),
        queue: this.stages.queue.encode(),
        compute: this.stages.compute.encode(),
      },
      rest: this.rest.encode(),
      seconds: this.seconds.map((second) => ({ ...second, latency: second.latency.encode() })),
      labels: { ...this.labels },
      problems: this.problems,
    };
  }

  private secondOf(due: number): Second {
    const index = Math.min(this.seconds.length - 1, Math.floor(due / 1000));
    const second = this.seconds[index];
    if (second === undefined) throw new Error(`a request is due at ${due} ms, outside of its schedule`);
    return second;
  }

  private recordStages(total: number, response: ModelInferResponse__Output | undefined): void {
    const stage = (name: string) => Number(response?.parameters?.[`${name}_ms`]?.stringParam ?? Number.NaN);
    const [decode, queue, compute] = [stage('decode'), stage('queue'), stage('compute')];
    if (!Number.isFinite(decode + queue + compute)) return;
    this.stages.decode.record(decode);
    this.stages.queue.record(queue);
    this.stages.compute.record(compute);
    this.rest.record(total - decode - queue - compute);
  }

  /** Numbers in messages differ from one to the next: without them, equal problems are counted together. */
  private note(problem: string): void {
    const text = problem.replaceAll(/\d+(\.\d+)?/g, '#').slice(0, PROBLEM_LENGTH);
    if (text in this.problems || Object.keys(this.problems).length < MOST_PROBLEMS) {
      this.problems[text] = (this.problems[text] ?? 0) + 1;
    }
  }
}

function emptySecond(): Second {
  const outcomes = { ok: 0, refused: 0, expired: 0, failed: 0 };
  return { offered: 0, answered: 0, outcomes, latency: LatencyHistogram.create() };
}
