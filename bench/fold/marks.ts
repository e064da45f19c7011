/** How far a process had come at a moment. */
export interface Mark {
  /** Samples folded by then. */
  readonly samples: number;
  readonly atMs: number;
  /** What its threads had used of the CPUs by then. */
  readonly cpuMs: number;
}

export interface Rate {
  readonly samples: number;
  readonly perSecond: number;
  readonly perCpuSecond: number;
}

/**
 * The rate between the first mark at or above `from` and the last one.
 * @throws Error when there are no two such marks, or no time between them.
 */
export function rateFrom(marks: readonly Mark[], from: number): Rate {
  const first = marks.find(({ samples }) => samples >= from);
  const last = marks.at(-1);
  if (first === undefined || last === undefined || last.atMs <= first.atMs || last.samples <= first.samples) {
    throw new Error(`nothing was learned after ${from} samples: there is no rate to tell`);
  }
  const samples = last.samples - first.samples;
  return {
    samples,
    perSecond: (samples / (last.atMs - first.atMs)) * 1000,
    perCpuSecond: (samples / (last.cpuMs - first.cpuMs)) * 1000,
  };
}
