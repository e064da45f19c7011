import type { Arithmetic } from '../../native/index.js';
import { arithmetic as fastest } from '../arithmetic/arithmetic.js';
import type { DriftChange } from '../learners/learner.js';
import { checkLearnerOptions } from '../learners/learner-options.js';
import { inlineTrainer, type Trainer } from '../learners/refit/fit/trainer.js';
import {
  type CandidateName,
  type DriftEvent,
  type HeadDefinition,
  type HeadModel,
  type HeadStatistics,
  LearnerError,
  type Promotion,
} from '../types.js';
import { LARGEST_WINDOW, windowAccuracies } from './accuracy.js';
import { type ActSkipReason, applyAct, checkAttachment } from './acts.js';
import { DECIDE_EVERY } from './candidates/champion.js';
import { type DriftNews, DriftWatch } from './drift/drift-watch.js';
import { isEstablished } from './drift/established.js';
import { addClass, type HeadParts, headParts } from './head-parts.js';
import { decodeEntry, type LoggedAct, type Sample } from './log-entry.js';
import { encodeModel } from './model-format.js';
import { Recent } from './recent.js';
import { reasonToSkip, type SkipReason } from './skip-reason.js';
import { decodeState, encodeState, type FoldCounts, type FoldState, noCounts } from './state-format.js';

/** What happened besides. */
export interface FoldNews {
  /** Something else serves now. */
  readonly promotion?: Promotion;
  /** The drift state has changed. */
  readonly drift?: DriftEvent;
}

export type FoldOutcome =
  /** `correct` is the test before the training; undefined when there was no class yet to predict. */
  | ({ readonly kind: 'learned'; readonly classIndex: number; readonly correct: boolean | undefined } & FoldNews)
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  | ({ readonly kind: 'acted'; readonly act: LoggedAct } & FoldNews)
  | { readonly kind: 'act_skipped'; readonly act: LoggedAct; readonly reason: ActSkipReason }
  /** The entry was folded before: a log may be told twice, and counts once. */
  | { readonly kind: 'repeated' };

/** What a fold uses, which decides nothing but speed. */
export interface FoldOptions {
  /** Runs refits; by default at once, on this thread. */
  readonly trainer?: Trainer;
  readonly arithmetic?: Arithmetic;
}

/**
 * One head as a fold over its training log. The state after an entry follows from the definition and the entries up to it, to the
 * last bit: no time, no chance, no machine. Classes are in the order of the fixed list, or of their first appearance.
 */
export class HeadFold {
  private readonly counts: FoldCounts;
  private readonly head: HeadParts;
  private readonly drift: DriftWatch;
  private readonly served: Recent;

  /** @throws LearnerError invalid_argument when the definition's learner options are out of range. */
  constructor(
    private readonly definition: HeadDefinition,
    options: FoldOptions = {},
    restored?: FoldState,
  ) {
    checkLearnerOptions(definition.learner);
    this.counts = restored?.counts ?? { ...noCounts };
    const { trainer = inlineTrainer, arithmetic = fastest() } = options;
    this.head = headParts(definition, { trainer, arithmetic }, restored);
    this.drift = new DriftWatch(definition.learner.drift.delta, restored?.drift);
    this.served = new Recent(LARGEST_WINDOW, restored?.served);
    if (!restored && definition.classes !== 'open') for (const name of definition.classes) addClass(this.head, name);
  }

  /** @throws LearnerError snapshot_corrupt when `state` is damaged, or of another head. */
  static restore(definition: HeadDefinition, state: Uint8Array, options: FoldOptions = {}): HeadFold {
    return new HeadFold(definition, options, decodeState(definition, state));
  }

  /** Sequence of the last entry folded; 0: none. */
  get sequence(): number {
    return this.counts.sequence;
  }

  /** What `fold` and snapshots must wait for: the result of a refit that is due now. undefined: nothing. */
  waitsFor(): Promise<void> | undefined {
    return allOf(this.head.candidates.learners.map((learner) => learner.waitsFor()));
  }

  /** Resolves when no refit runs: only then is there a whole snapshot. undefined: none runs. */
  settled(): Promise<void> | undefined {
    return allOf(this.head.candidates.learners.map((learner) => learner.settled()));
  }

  /**
   * Takes the next entry of the log. What can't be learned is skipped, always in the same way, and counted.
   * @param attachment The object that the entry names: see `attachmentOf`.
   * @throws LearnerError log_mismatch for an entry that this version can't read, or whose attachment is missing or another; the state is then as before.
   * @throws Error while `waitsFor` has a promise that is not resolved.
   */
  fold(entryBytes: Uint8Array, sequence: number, attachment?: Uint8Array): FoldOutcome {
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      throw new LearnerError('invalid_argument', `sequence: ${sequence} is no position of a log`);
    }
    if (sequence <= this.counts.sequence) return { kind: 'repeated' };
    const entry = decodeEntry(entryBytes);
    if (entry.kind === 'act') checkAttachment(entry.act.change, sequence, attachment);
    if (this.waitsFor()) throw new Error('a refit is due: await waitsFor() before the next entry is folded');
    this.counts.sequence = sequence;
    if (entry.kind === 'act') return this.act(entry.act.change, attachment);
    const reason = reasonToSkip(this.definition, this.head.classes, entry.sample);
    if (reason === undefined) return this.learn(entry.sample);
    this.counts.skipped += 1;
    return { kind: 'skipped', reason };
  }

  statistics(): HeadStatistics {
    const { samples, skipped, servedLabelled, servedCorrect } = this.counts;
    const { classes, candidates, championship, judged } = this.head;
    const { champion, serve, promotions } = championship;
    const names = classes.list();
    const place = ({ name, logLoss }: { name: string; logLoss: number }) => (name === champion ? -1 : logLoss);
    return {
      champion,
      serve,
      candidates: candidates.statistics().sort((a, b) => place(a) - place(b)),
      promotions: [...promotions],
      calibrationError: judged.calibrationError(),
      drift: { level: this.drift.level, history: [...this.drift.history] },
      confusions: judged.confusions(names),
      aliases: classes.aliases(),
      samples,
      skipped,
      servedLabelled,
      servedCorrect,
      servedAccuracy: windowAccuracies(this.served.newest()),
      prequentialAccuracy: windowAccuracies(judged.correct()),
      classes: judged.byClass(names, classes.samples),
    };
  }

  /**
   * What serving needs, with the classes as they are now: a candidate's calibrated classifier.
   * @param candidate One that there is (see `statistics`); by default the champion.
   * @throws Error while `waitsFor` has a promise that is not resolved.
   */
  model(candidate: CandidateName = this.head.championship.champion): HeadModel {
    const { classes, candidates } = this.head;
    return { classes: classes.list(), dimensions: this.definition.dimensions, ...candidates.serving(candidate) };
  }

  /** The serving half of a snapshot. @throws Error while `waitsFor` has a promise that is not resolved. */
  modelBytes(): Uint8Array<ArrayBuffer> {
    return encodeModel(this.definition, this.model());
  }

  /** The other half: it restores this fold; equal logs give equal bytes. @throws Error while a refit runs: see `settled`. */
  stateBytes(): Uint8Array<ArrayBuffer> {
    const { classes, candidates, championship, judged } = this.head;
    return encodeState(this.definition, {
      counts: this.counts,
      classes: classes.snapshot(),
      championship: championship.snapshot(),
      drift: this.drift.snapshot(),
      candidates: candidates.snapshot(),
      learners: candidates.learners.map((learner) => ({ kind: learner.kind, state: learner.snapshot() })),
      imported: candidates.imported?.snapshot(),
      judged: judged.snapshot(),
      served: this.served.newest(),
    });
  }

  /** Both halves of a snapshot. @throws Error while a refit runs: see `settled`. */
  snapshot(): { model: Uint8Array<ArrayBuffer>; state: Uint8Array<ArrayBuffer> } {
    return { model: this.modelBytes(), state: this.stateBytes() };
  }

  /** Test, then train. */
  private learn({ embedding, label, served }: Sample): FoldOutcome {
    const { counts, head } = this;
    const known = head.classes.find(label);
    if (served !== undefined && served.predicted !== '') this.judgeServed(label, known, served.predicted);
    const { correct, drift } = this.test(embedding, known);
    const classIndex = known ?? addClass(head, label);
    counts.samples += 1;
    counts.sinceChange += 1;
    head.candidates.learn(embedding, classIndex, counts.samples);
    head.classes.countSample(classIndex);
    if (drift?.change) this.react(drift.change);
    if (counts.samples % DECIDE_EVERY === 0) head.candidates.reviewMemories();
    const promotion = head.championship.review(head.candidates, counts.sinceChange, counts);
    // An error that changes because something else answers is no drift.
    if (promotion && head.candidates.get(promotion.from)?.memory.forgets) this.drift.restart();
    return { kind: 'learned', classIndex, correct, ...newsOf(promotion, drift?.event) };
  }

  /** Everyone predicts and is scored; then temperatures, weights and the drift detector see the label. */
  private test(
    embedding: Float32Array,
    known: number | undefined,
  ): { correct?: boolean; drift?: DriftNews | undefined } {
    const { counts } = this;
    const { classes, candidates, championship, judged } = this.head;
    const { count } = classes;
    if (count === 0) return {};
    const { predicted, correct, confidence } = candidates.judge(embedding, count, known ?? -1, championship.champion);
    // A class that is new will have the next index.
    judged.add(known ?? count, predicted, confidence);
    if (known === undefined) return { correct };
    candidates.learnCalibration(count, known);
    candidates.recall(count, counts.samples);
    const mayBeDrift = isEstablished(classes.samples[known]!, counts.samples / count);
    const at = { sequence: counts.sequence, samples: counts.samples + 1 };
    return { correct, drift: mayBeDrift ? this.drift.observe(!correct, at) : undefined };
  }

  /** Only the newest samples, the one just learned among them, are of the world as it is. */
  private react(change: DriftChange): void {
    const { candidates, championship } = this.head;
    candidates.dropOldSamples(change);
    if (!this.definition.learner.drift.react) return;
    candidates.forget(change);
    candidates.restartCalibration();
    championship.doubt();
    this.counts.sinceChange = change.recent;
  }

  /** Compares the label with what the client was told, by what the names mean now. An answer without a class is no answer. */
  private judgeServed(label: string, known: number | undefined, predicted: string): void {
    const correct = known === undefined ? label === predicted : this.head.classes.find(predicted) === known;
    this.served.push(correct ? 1 : 0);
    this.counts.servedLabelled += 1;
    if (correct) this.counts.servedCorrect += 1;
  }

  private act(act: LoggedAct, attachment: Uint8Array | undefined): FoldOutcome {
    const result = applyAct(this.head, act, this.counts, attachment);
    if (result.done) {
      if (act.kind !== 'rename_class') this.drift.restart();
      return { kind: 'acted', act, ...newsOf(result.promotion) };
    }
    this.counts.skipped += 1;
    return { kind: 'act_skipped', act, reason: result.reason };
  }
}

function newsOf(promotion?: Promotion, drift?: DriftEvent): FoldNews {
  return { ...(promotion && { promotion }), ...(drift && { drift }) };
}

function allOf(promises: readonly (Promise<void> | undefined)[]): Promise<void> | undefined {
  const waiting = promises.filter((promise) => promise !== undefined);
  if (waiting.length === 0) return undefined;
  const all = Promise.all(waiting).then(() => {});
  // Who only asks whether there is something to wait for must not be the one who did not handle its failure.
  all.catch(() => {});
  return all;
}
