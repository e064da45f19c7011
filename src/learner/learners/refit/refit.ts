import type { Arithmetic } from '../../../native/index.js';
import { Standardiser, startOfStandardiser } from '../../head/standardise.js';
import type { RefitOptions } from '../../types.js';
import { checkClass, checkLength, checkSample } from '../check-sample.js';
import type { DriftChange, Learner, LearnerState, LinearClassifier } from '../learner.js';
import { servingWeights } from '../serving-weights.js';
import { worthOfOld } from '../worth-of-old.js';
import type { FitJob, PenaltyChoice } from './fit/fit-job.js';
import { isChoiceDue, noChoice, penalties } from './fit/penalty-choice.js';
import type { Trainer } from './fit/trainer.js';
import { RefitInFlight } from './refit-in-flight.js';
import { firstRefitAt, planRefit } from './refit-schedule.js';
import { decodeRefitState, encodeRefitState } from './refit-state.js';
import { ReplayedSgd } from './replayed-sgd.js';
import { Replays } from './replays.js';
import { Reservoir } from './reservoir.js';
import { constantsOf, type Standardisation, withRows } from './standardisation.js';

/** Nothing hangs on it but that it is always the same. */
const SEED = 20221128;
/** Members that a class keeps when the world changes, if it is not seen in the new one: better an old picture of it than none. */
const LEAST_KEPT = 8;

/**
 * Softmax regression with L2, fitted again and again to a bounded, class-balanced reservoir of the stream; between the refits, steps of SGD on new and
 * replayed samples carry it on. Refits start at sample counts that grow geometrically (refit-schedule.ts), are done by a `Trainer`, maybe in another thread,
 * and are installed a number of samples after their start that follows from that count: never sooner or later, so the state does not depend on speed.
 *
 * Installed means: found by the first call after the sample it is due at, but for `forget`, which gives it up. All that comes next in a log, samples and
 * changes of the classes alike, finds it, so the state does not depend on what was asked in between either. A caller awaits `waitsFor` before any call.
 */
export class RefitLearner implements Learner {
  readonly kind = 'refit';
  private samples = 0;
  /** Samples when the world last changed: those after it are of this one. */
  private changedAt = 0;
  private startAt = firstRefitAt;
  private inFlight: RefitInFlight | undefined;
  private choice: PenaltyChoice = noChoice;
  private readonly reservoir: Reservoir;
  private readonly replays: Replays;
  private readonly sgd: ReplayedSgd;
  /** Until the first refit is installed, which brings constants that stay until the next. */
  private standardiser: Standardiser | undefined;
  private constants: Standardisation;

  /** @param state What `snapshot` gave; undefined: nothing learned, no classes. @throws LearnerError snapshot_corrupt */
  constructor(
    readonly dimensions: number,
    private readonly options: RefitOptions,
    arithmetic: Arithmetic,
    private readonly trainer: Trainer,
    state?: LearnerState,
  ) {
    trainer.prepare?.();
    const saved = state && decodeRefitState(state, dimensions, options.capacity);
    this.reservoir = new Reservoir(dimensions, options.capacity, SEED, saved?.reservoir);
    this.replays = new Replays(this.reservoir, saved?.freshSince ?? 0);
    this.sgd = new ReplayedSgd(dimensions, arithmetic, saved?.sgd);
    if (saved?.constants !== undefined) this.constants = saved.constants;
    else {
      this.standardiser = new Standardiser(saved?.standardiser ?? startOfStandardiser(dimensions));
      this.constants = constantsOf(this.standardiser);
    }
    if (saved === undefined) return;
    this.samples = saved.samples;
    this.changedAt = saved.changedAt;
    this.startAt = saved.startAt;
    this.choice = saved.choice;
    this.inFlight = saved.finished && RefitInFlight.restore(saved.finished);
  }

  get classCount(): number {
    return this.sgd.classCount;
  }

  get bytes(): number {
    const fits = [this.choice.classifier, this.inFlight?.result?.classifier, this.inFlight?.result?.choice.classifier];
    const kept = fits.reduce((sum, fit) => sum + (fit?.weights.byteLength ?? 0), 0);
    return this.reservoir.bytes + this.sgd.bytes + kept + 2 * this.constants.mean.byteLength;
  }

  addClass(): number {
    this.installIfDue();
    this.sgd.addClass();
    this.reservoir.addClass();
    return this.classCount - 1;
  }

  removeClass(index: number): void {
    checkClass(index, this.classCount);
    this.installIfDue();
    this.sgd.removeClass(index);
    this.reservoir.removeClass(index);
    this.replays.rebuild();
    const { classifier } = this.choice;
    if (classifier !== undefined && index < classifier.bias.length) {
      const rows = Array.from(classifier.bias.keys()).filter((row) => row !== index);
      this.choice = { ...this.choice, classifier: withRows(classifier, rows) };
    }
    this.inFlight?.removeClass(index);
  }

  predict(embedding: Float32Array): Float64Array {
    checkLength(embedding, this.dimensions);
    this.installIfDue();
    return this.sgd.predict(embedding, this.constants);
  }

  learnOne(embedding: Float32Array, classIndex: number): void {
    checkSample(embedding, classIndex, this);
    this.installIfDue();
    this.samples += 1;
    if (this.standardiser !== undefined) {
      this.standardiser.observe(embedding);
      this.constants = constantsOf(this.standardiser);
    }
    const penalty = penalties[this.choice.index]!;
    // A class's first sample is no member yet.
    const weight = this.reservoir.count(classIndex) > 0 ? this.reservoir.weight(classIndex) : 1;
    this.sgd.step(embedding, classIndex, this.constants, penalty, weight);
    for (const slot of this.replays.draw()) {
      const label = this.reservoir.label(slot);
      this.sgd.step(this.reservoir.embedding(slot), label, this.constants, penalty, this.reservoir.weight(label));
    }
    this.sgd.averageInTime();
    this.replays.placed(this.reservoir.add(embedding, classIndex, this.samples));
    if (this.samples >= this.startAt && this.inFlight === undefined) this.start();
  }

  serving(): LinearClassifier {
    this.installIfDue();
    const { mean, scale } = this.constants;
    return servingWeights({ ...this.sgd.averages(), offset: mean, scale }, this.classCount);
  }

  /**
   * Members of the old world go, but for as many as they are still worth, and a refit starts at once; one that was not installed yet is given up. Nothing
   * happens when all of them are worth what they are.
   */
  forget(change: DriftChange): void {
    const worth = worthOfOld(change);
    const old = this.samples - this.changedAt - change.recent;
    if (worth >= old) return;
    this.changedAt = this.samples - change.recent - Math.floor(worth);
    this.reservoir.forget(this.samples - change.recent, worth, LEAST_KEPT);
    this.replays.rebuild();
    if (this.standardiser !== undefined) {
      this.standardiser.forget(Math.max(worth, change.recent));
      this.constants = constantsOf(this.standardiser);
    }
    this.inFlight = undefined;
    this.choice = { ...this.choice, samples: 0 };
    if (this.reservoir.size > 0) this.start();
  }

  waitsFor(): Promise<void> | undefined {
    return this.isDue() ? this.inFlight?.promise : undefined;
  }

  settled(): Promise<void> | undefined {
    return this.inFlight?.promise;
  }

  snapshot(): LearnerState {
    if (this.settled() !== undefined) throw new Error('a refit is running: await settled() before snapshot()');
    this.installIfDue();
    const { standardiser, constants, samples, changedAt, startAt, choice, inFlight } = this;
    return encodeRefitState({
      samples,
      changedAt,
      startAt,
      choice,
      finished: inFlight?.finished,
      freshSince: this.replays.since,
      reservoir: this.reservoir.snapshot(),
      sgd: this.sgd.snapshot(),
      standardiser: standardiser?.state,
      constants:
        standardiser === undefined
          ? { ...constants, mean: constants.mean.slice(), scale: constants.scale.slice() }
          : undefined,
    });
  }

  private isDue(): boolean {
    return this.inFlight !== undefined && this.samples >= this.inFlight.dueAt;
  }

  private start(): void {
    const job = this.job();
    const extent = Math.min(job.samples, this.options.capacity);
    const weights = job.classes * job.dimensions;
    const { dueAt, nextAt } = planRefit(this.samples, { extent, weights, choosing: job.choosing }, this.options);
    this.startAt = nextAt;
    this.inFlight = RefitInFlight.start(job, this.trainer, this.samples, dueAt);
  }

  private job(): FitJob {
    const { classCount: classes, dimensions, choice, reservoir } = this;
    const members = reservoir.copy();
    const known = choice.classifier;
    const rows = Array.from({ length: classes }, (_, c) => (known && c < known.bias.length ? c : undefined));
    const job = {
      classes,
      dimensions,
      ...members,
      sampleWeights: Float64Array.from(members.labels, (label) => reservoir.weight(label)),
      start: this.sgd.classifier(this.constants),
      choice: { ...choice, classifier: known && withRows(known, rows) },
      samples: this.samples - this.changedAt,
    };
    return { ...job, choosing: isChoiceDue(job, this.options.capacity) };
  }

  /** @throws Error when the result is due and absent. */
  private installIfDue(): void {
    if (!this.isDue()) return;
    const { result, startedAt } = this.inFlight!;
    if (result === undefined) throw new Error('a refit is due: await waitsFor() before any other call');
    const rows = this.inFlight!.rowsOf(this.classCount);
    this.sgd.install(result.classifier, rows, this.constants);
    const { classifier } = result.choice;
    this.choice = { ...result.choice, classifier: classifier && withRows(classifier, rows) };
    const { mean, scale, typicalSquaredLength } = result.classifier;
    this.constants = { mean, scale, typicalSquaredLength };
    this.standardiser = undefined;
    this.replays.startAt(startedAt);
    this.inFlight = undefined;
  }
}
