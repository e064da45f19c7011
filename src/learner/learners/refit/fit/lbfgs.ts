import type { Arithmetic } from '../../../../native/index.js';

/** Steps whose curvature is remembered; Nocedal and Wright recommend 3 to 20. */
const HISTORY = 10;
/** Sufficient decrease (Armijo): this fraction of what the slope promises. */
const DECREASE = 1e-4;
/** A pair is left out when s·y is below this fraction of y·y: the inverse Hessian must stay positive, and well so. */
const CURVATURE = 1e-10;
/** Shorter and shorter steps that are tried before the search gives up. */
const TRIALS = 20;

/** A function to minimise: writes its gradient at `point` and returns its value. */
export type Objective = (point: Float64Array, gradient: Float64Array) => number;

export interface LbfgsOptions {
  /** It ends when a step lowers the value by less than this fraction; but not with the first one, whose length is a guess. */
  readonly tolerance: number;
  /** Evaluations of the objective at most; the first one counts. */
  readonly evaluations: number;
}

export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  readonly evaluations: number;
}

/** A step and the change of the gradient along it. */
interface Pair {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly rho: number;
}

/**
 * Limited-memory BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5), its steps by backtracking from 1 with interpolation (3.5); pairs without positive
 * curvature are left out. Deterministic: nothing but + - * / and square roots, summed in fixed orders.
 *
 * @param start [parameters] Finite; not changed.
 */
export function minimise(
  objective: Objective,
  start: Float64Array,
  options: LbfgsOptions,
  arithmetic: Arithmetic,
): Minimum {
  const vectors = new Vectors(arithmetic);
  let point = start.slice();
  let gradient = new Float64Array(start.length);
  let value = objective(point, gradient);
  let evaluations = 1;
  /** Of the identity that the inverse Hessian's approximation begins with; before there is a pair, the first step has length 1. */
  let scale: number | undefined;
  const pairs: Pair[] = [];
  let first = true;
  while (evaluations < options.evaluations) {
    const direction = descentDirection(gradient, pairs, scale, vectors);
    const found = backtrack(
      objective,
      { point, value, gradient },
      direction,
      options.evaluations - evaluations,
      vectors,
    );
    evaluations += found.evaluations;
    if (found.next === undefined) break;
    const { next } = found;
    const step = difference(next.point, point);
    const change = difference(next.gradient, gradient);
    const curvature = vectors.dot(step, change);
    const squares = vectors.dot(change, change);
    if (curvature > CURVATURE * squares && squares > 0) {
      if (pairs.length === HISTORY) pairs.shift();
      pairs.push({ step, change, rho: 1 / curvature });
      scale = curvature / squares;
    }
    const decrease = value - next.value;
    ({ point, value, gradient } = next);
    if (decrease <= options.tolerance * Math.abs(value) && !first) break;
    first = false;
  }
  return { point, value, evaluations };
}

interface Place {
  readonly point: Float64Array<ArrayBuffer>;
  readonly value: number;
  readonly gradient: Float64Array<ArrayBuffer>;
}

/** -H g by the two-loop recursion (algorithm 7.4), H_0 = scale I. */
function descentDirection(
  gradient: Float64Array,
  pairs: readonly Pair[],
  scale: number | undefined,
  vectors: Vectors,
): Float64Array {
  const direction = gradient.slice();
  const alphas: number[] = [];
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { step, change, rho } = pairs[i]!;
    alphas[i] = rho * vectors.dot(step, direction);
    vectors.addMultiple(direction, -alphas[i]!, change);
  }
  const norm = Math.sqrt(vectors.dot(gradient, gradient));
  const factor = -(scale ?? (norm > 0 ? 1 / norm : 0));
  for (let i = 0; i < direction.length; i++) direction[i] = factor * direction[i]!;
  pairs.forEach(({ step, change, rho }, i) => {
    // The direction has its sign turned already, hence the sum.
    const beta = rho * vectors.dot(change, direction);
    vectors.addMultiple(direction, -(alphas[i]! + beta), step);
  });
  return direction;
}

/**
 * The first of the steps 1, t1, t2, ... that lowers the value enough (algorithm 3.1), each the minimum of the parabola through what is known, kept within
 * a tenth and a half of the one before. `next` is undefined when none does: at a minimum, to within rounding.
 */
function backtrack(
  objective: Objective,
  from: Place,
  direction: Float64Array,
  limit: number,
  vectors: Vectors,
): { next: Place | undefined; evaluations: number } {
  const slope = vectors.dot(from.gradient, direction);
  if (!(slope < 0)) return { next: undefined, evaluations: 0 };
  const gradient = new Float64Array(direction.length);
  let length = 1;
  for (let trial = 1; trial <= Math.min(TRIALS, limit); trial++) {
    const point = from.point.slice();
    vectors.addMultiple(point, length, direction);
    const value = objective(point, gradient);
    if (value <= from.value + DECREASE * length * slope)
      return { next: { point, value, gradient }, evaluations: trial };
    const parabola = (-slope * length * length) / (2 * (value - from.value - slope * length));
    // The negated comparison also catches NaN, of a value that overflowed.
    length = !(parabola >= 0.1 * length) ? 0.1 * length : Math.min(parabola, 0.5 * length);
  }
  return { next: undefined, evaluations: Math.min(TRIALS, limit) };
}

/** Sums in eight lanes, and all else number by number: see src/native/arithmetic.ts. */
class Vectors {
  private readonly sum = new Float64Array(1);
  private readonly factor = new Float64Array(1);

  constructor(private readonly arithmetic: Arithmetic) {}

  dot(a: Float64Array, b: Float64Array): number {
    this.arithmetic.multiplyRows(a, b, 1, this.sum);
    return this.sum[0]!;
  }

  /** target += multiple * other */
  addMultiple(target: Float64Array, multiple: number, other: Float64Array): void {
    this.factor[0] = multiple;
    this.arithmetic.addOuter(target, this.factor, other, 1);
  }
}

function difference(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  const out = new Float64Array(a.length);
  for (let i = 0; i < a.length; i++) out[i] = a[i]! - b[i]!;
  return out;
}
