// The open loop: every request is sent when it is due, however many are unanswered. Latency counts from when it was due, so a server
// (or a generator) that stalls is not flattered by requests that were never sent.
import { randomUUID } from 'node:crypto';
import { Client, credentials, type ServiceError } from '@grpc/grpc-js';
import { inference, type ModelInferResponse__Output } from '../../protos/index.js';
import { LabelSender } from './label-sender.js';
import { TrafficRecorder } from './recorder.js';
import { Relay } from './relay.js';
import { makeBodies, makeRequest } from './requests.js';
import { arrivalTimes, secondsOf, shareOf } from './schedule.js';
import type { Traffic, TrafficCount } from './traffic.js';

export interface Target {
  /** host:port */
  readonly server: string;
  /** Height and width of `pixels`. */
  readonly size: number;
  readonly jpegs: readonly Buffer[];
}

export interface Share {
  /** Which of the processes this is. */
  readonly worker: number;
  readonly workers: number;
  /** Unix time (with fractions) at which all of them begin. */
  readonly startAt: number;
}

const method = inference.GRPCInferenceService.service.ModelInfer;
const asItIs = (serialised: Buffer) => serialised;
const DEFAULT_DEADLINE_MS = 60_000;
/** Nearer than this the process looks at the clock again and again: timers are late by up to a millisecond and more. */
const SPIN_MS = 1.5;

const unixNow = () => performance.timeOrigin + performance.now();

/** One process's part of a traffic. Prepared first, so that nothing but sending is left to do when it begins. */
export class TrafficRun {
  private constructor(
    private readonly traffic: Traffic,
    private readonly target: Target,
    private readonly bodies: readonly Buffer[],
    private readonly client: Client,
    private readonly relay: Relay | undefined,
    readonly recorder: TrafficRecorder,
  ) {}

  /** Resolves when it is connected. @throws Error when it can't be */
  static async prepare(traffic: Traffic, target: Target): Promise<TrafficRun> {
    const bodies = makeBodies(traffic, target.size, target.jpegs);
    const relay = traffic.from === undefined ? undefined : await Relay.open(traffic.from, target.server);
    const client = makeClient(relay?.address ?? target.server);
    const recorder = new TrafficRecorder(traffic, secondsOf(traffic.steps));
    const run = new TrafficRun(traffic, target, bodies, client, relay, recorder);
    try {
      await connected(client);
      return run;
    } catch (error) {
      run.close();
      throw error;
    }
  }

  /** Sends this process's share, and waits until all is answered. */
  async run(share: Share): Promise<TrafficCount> {
    const { traffic, recorder } = this;
    const labels = traffic.labels ? new LabelSender(this.target.server, recorder.labels) : undefined;
    const calls: Promise<void>[] = [];
    for (const { time, index } of dueOf(traffic, share)) {
      await until(share.startAt + time);
      calls.push(this.send(time, index, share, labels));
    }
    await Promise.all(calls);
    await labels?.close();
    return recorder.result();
  }

  close(): void {
    this.client.close();
    this.relay?.close();
  }

  private send(due: number, index: number, { startAt }: Share, labels: LabelSender | undefined): Promise<void> {
    const { traffic, bodies, recorder } = this;
    const model = traffic.models[index % traffic.models.length]!;
    const id = labels === undefined ? '' : randomUUID();
    const request = makeRequest(model, id, bodies[index % bodies.length]!);
    const sent = unixNow() - startAt;
    const deadline = Date.now() + (traffic.deadlineMs ?? DEFAULT_DEADLINE_MS);
    recorder.send(due, sent);
    return new Promise((resolve) => {
      send(this.client, request, deadline, (error, response) => {
        recorder.end({ due, sent, ended: unixNow() - startAt }, error, response);
        if (error === null) labels?.add(model, id);
        resolve();
      });
    });
  }
}

function dueOf({ arrivals, steps, seed }: Traffic, { worker, workers }: Share) {
  const all = arrivalTimes(arrivals, steps, seed).map((time, index) => ({ time, index }));
  return shareOf(all, worker, workers);
}

export function makeClient(server: string): Client {
  return new Client(server, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.max_send_message_length': -1,
    // What is refused is counted as refused: no retry of the channel's own.
    'grpc.enable_retries': 0,
  });
}

export function connected(client: Client, withinMs = 10_000): Promise<void> {
  return new Promise((resolve, reject) => {
    client.waitForReady(Date.now() + withinMs, (error) => (error ? reject(error) : resolve()));
  });
}

export function send(
  client: Client,
  request: Buffer,
  deadline: number,
  done: (error: ServiceError | null, response?: ModelInferResponse__Output) => void,
): void {
  client.makeUnaryRequest(method.path, asItIs, method.responseDeserialize, request, { deadline }, done);
}

async function until(moment: number): Promise<void> {
  for (let left = moment - unixNow(); left > 0; left = moment - unixNow()) {
    if (left > SPIN_MS) await new Promise((resolve) => setTimeout(resolve, left - SPIN_MS));
    else await new Promise((resolve) => setImmediate(resolve));
  }
}
