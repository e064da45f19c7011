import { SgdClassifier } from '../head/sgd.js';
import { argmax } from '../head/softmax.js';
import { type HeadDefinition, type HeadModel, type HeadStatistics, LearnerError } from '../types.js';
import { Accuracy } from './accuracy.js';
import { decodeEntry, type Sample } from './log-entry.js';
import { encodeModel } from './model-format.js';
import { decodeState, encodeState, type FoldState } from './state-format.js';

/** Why an entry of the log taught nothing. */
export type SkipReason =
  | 'wrong_backbone'
  | 'wrong_dimensions'
  | 'not_finite'
  | 'no_label'
  | 'unknown_class'
  | 'class_limit';

export type FoldOutcome =
  /** `correct` is the test before the training; undefined when there was no class yet to predict. */
  | { readonly kind: 'learned'; readonly classIndex: number; readonly correct: boolean | undefined }
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  /** The entry was folded before: a log may be told twice, and counts once. */
  | { readonly kind: 'repeated' };

/**
 * One head as a fold over its training log. The state after an entry follows from the definition and the entries up to it, to the
 * last bit: no time, no chance, no machine. Classes are in the order of the fixed list, or of their first appearance.
 */
export class HeadFold {
  private readonly classIndices: Map<string, number>;
  private readonly learner: SgdClassifier;
  private readonly prequential: Accuracy;
  private readonly served: Accuracy;
  private readonly state: Omit<FoldState, 'learner' | 'prequential' | 'served'>;

  /** @throws LearnerError invalid_argument when the definition's learner options are out of range. */
  constructor(
    private readonly definition: HeadDefinition,
    restored?: FoldState,
  ) {
    const { learner, prequential, served, ...state } = restored ?? startOf(definition);
    this.learner = new SgdClassifier(definition.learner, learner);
    this.prequential = new Accuracy(prequential);
    this.served = new Accuracy(served);
    this.state = state;
    this.classIndices = new Map(this.state.classes.map((name, index) => [name, index]));
    if (!restored && definition.classes !== 'open') for (const name of definition.classes) this.addClass(name);
  }

  /** @throws LearnerError snapshot_corrupt when `state` is damaged, or of another head. */
  static restore(definition: HeadDefinition, state: Uint8Array): HeadFold {
    return new HeadFold(definition, decodeState(definition, state));
  }

  /** Sequence of the last entry folded; 0: none. */
  get sequence(): number {
    return this.state.sequence;
  }

  /**
   * Takes the next entry of the log. What can't be learned is skipped, always in the same way, and counted.
   * @throws LearnerError log_mismatch for an entry that this version can't read; the state is then as before.
   */
  fold(entryBytes: Uint8Array, sequence: number): FoldOutcome {
    if (!Number.isSafeInteger(sequence) || sequence < 1) {
      throw new LearnerError('invalid_argument', `sequence: ${sequence} is no position of a log`);
    }
    if (sequence <= this.state.sequence) return { kind: 'repeated' };
    const { sample } = decodeEntry(entryBytes);
    this.state.sequence = sequence;
    const reason = this.reasonToSkip(sample);
    if (reason === undefined) return this.learn(sample);
    this.state.skipped += 1;
    return { kind: 'skipped', reason };
  }

  statistics(): HeadStatistics {
    const { samples, skipped, servedLabelled, servedCorrect, classes, classSamples } = this.state;
    return {
      samples,
      skipped,
      servedLabelled,
      servedCorrect,
      servedAccuracy: this.served.windows(),
      prequentialAccuracy: this.prequential.windows(),
      classes: this.prequential.byClass(classes, classSamples),
    };
  }

  /** What serving needs, with the classes as they are now. */
  model(): HeadModel {
    return { classes: [...this.state.classes], dimensions: this.definition.dimensions, ...this.learner.serving() };
  }

  /** Both halves of a snapshot. `state` restores this fold; equal logs give equal bytes. */
  snapshot(): { model: Uint8Array<ArrayBuffer>; state: Uint8Array<ArrayBuffer> } {
    const state = {
      ...this.state,
      prequential: this.prequential.snapshot(),
      served: this.served.snapshot(),
      learner: this.learner.snapshot(),
    };
    return { model: encodeModel(this.definition, this.model()), state: encodeState(this.definition, state) };
  }

  private reasonToSkip({ backboneIdentity, embedding, label }: Sample): SkipReason | undefined {
    const { definition, classIndices } = this;
    if (backboneIdentity !== definition.backboneIdentity) return 'wrong_backbone';
    if (embedding.length !== definition.dimensions) return 'wrong_dimensions';
    if (!embedding.every(Number.isFinite)) return 'not_finite';
    if (label === '') return 'no_label';
    if (classIndices.has(label)) return undefined;
    if (definition.classes !== 'open') return 'unknown_class';
    return classIndices.size >= definition.maxClasses ? 'class_limit' : undefined;
  }

  private learn({ embedding, label, served }: Sample): FoldOutcome {
    const { learner, state } = this;
    const predicted = learner.classCount > 0 ? argmax(learner.predict(embedding)) : undefined;
    const classIndex = this.classIndices.get(label) ?? this.addClass(label);
    // A class that the head has not seen can't have been predicted: that counts as wrong.
    const correct = predicted === undefined ? undefined : predicted === classIndex;
    if (correct !== undefined) this.prequential.add(classIndex, correct);
    if (served !== undefined && served.predicted !== '') this.judgeServed(classIndex, served.predicted === label);
    learner.learnOne(embedding, classIndex);
    state.samples += 1;
    state.classSamples[classIndex]! += 1;
    return { kind: 'learned', classIndex, correct };
  }

  /** Compares the label with what the client was told. An answer without a class is no answer. */
  private judgeServed(classIndex: number, correct: boolean): void {
    this.served.add(classIndex, correct);
    this.state.servedLabelled += 1;
    if (correct) this.state.servedCorrect += 1;
  }

  private addClass(name: string): number {
    const index = this.learner.addClass();
    this.classIndices.set(name, index);
    this.state.classes.push(name);
    this.state.classSamples.push(0);
    return index;
  }
}

/** The state before the first entry. */
function startOf({ dimensions, learner }: HeadDefinition): FoldState {
  return {
    sequence: 0,
    samples: 0,
    skipped: 0,
    servedLabelled: 0,
    servedCorrect: 0,
    classes: [],
    classSamples: [],
    prequential: new Int32Array(0),
    served: new Int32Array(0),
    learner: SgdClassifier.start(dimensions, learner),
  };
}
