/** A part of a request's time. */
export interface Stage {
  readonly name: 'decode' | 'queue' | 'batch' | 'compute' | 'head' | 'record';
  /** `performance.now()` */
  readonly start: number;
  readonly end: number;
}

/** Where the time of one request went, collected on its way; only made while traces are on. */
export class Stages {
  readonly all: Stage[] = [];

  add(name: Stage['name'], start: number, end: number): void {
    this.all.push({ name, start, end });
  }

  /** A request's way through the queue. @param begun when the first of its images went into a batch @param computeMs of its batches */
  embedded(submitted: number, begun: number, ended: number, computeMs: number): void {
    this.add('queue', submitted, begun);
    this.add('batch', begun, ended);
    this.add('compute', Math.max(begun, ended - computeMs), ended);
  }
}
