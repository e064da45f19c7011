import type { DriftChange, Learner, LinearClassifier } from '../../learners/learner.js';
import { type CandidateName, type CandidateStatistics, candidateNames, type LearnerKind } from '../../types.js';
import { BlendWeights, type BlendWeightsState } from './blend-weights.js';
import { Candidate, type CandidateState, type Judgement } from './candidate.js';
import { compareMemories, FORGETS } from './forgetting.js';
import { Imported } from './imported.js';
import { OldSamples, type OldSamplesState } from './old-samples.js';
import { sumOfClassifiers } from './serving-weights.js';

export interface CandidateSetState {
  readonly candidates: readonly { readonly name: CandidateName; readonly state: CandidateState }[];
  readonly blend: BlendWeightsState;
  readonly oldSamples: OldSamplesState | undefined;
}

/** A change has cost everyone when each learner has lost this part of what the champion has. */
const EVERYONES_SHARE = 0.5;

/** A candidate with logits of its own. */
interface Member {
  readonly candidate: Candidate;
  readonly source: Learner | Imported;
}

/** Everything that may serve a head: its learners, an imported classifier, and their blend when there is more than one. */
export class CandidateSet {
  /** In the order of `candidateNames`: it decides the last bits of the blend. */
  private members: readonly Member[] = [];
  private ownLearners: readonly Learner[] = [];
  private blend: Candidate | undefined;
  private readonly weights: BlendWeights;
  /** While there are two learners or more: one alone need not be compared. */
  private oldSamples: OldSamples | undefined;
  private mixture = new Float64Array(8);

  constructor(learners: readonly Learner[], imported?: Imported, state?: CandidateSetState) {
    const stateOf = (name: CandidateName) => state?.candidates.find((candidate) => candidate.name === name)?.state;
    this.weights = new BlendWeights(state?.blend);
    const members = [
      ...learners.map((source) => ({ candidate: new Candidate(source.kind, stateOf(source.kind)), source })),
      ...(imported ? [{ candidate: new Candidate('imported', stateOf('imported')), source: imported }] : []),
    ];
    this.setMembers(members, stateOf('blend'));
    this.watchMemories(state?.oldSamples);
  }

  get learners(): readonly Learner[] {
    return this.ownLearners;
  }

  get imported(): Imported | undefined {
    return this.members.map(({ source }) => source).find(isImported);
  }

  /** In the order of `candidateNames`. */
  get all(): Candidate[] {
    const all = this.members.map(({ candidate }) => candidate);
    if (this.blend) all.push(this.blend);
    return all.sort((a, b) => candidateNames.indexOf(a.name) - candidateNames.indexOf(b.name));
  }

  get(name: CandidateName): Candidate | undefined {
    return name === 'blend' ? this.blend : this.members.find(({ candidate }) => candidate.name === name)?.candidate;
  }

  addClass(): void {
    for (const { source } of this.members) source.addClass();
    this.oldSamples?.addClass();
  }

  removeClass(index: number): void {
    for (const { source } of this.members) source.removeClass(index);
    this.oldSamples?.removeClass(index);
  }

  /** Makes these the learners: who is missing is dropped. @param make A learner that knows nothing, with all classes. */
  setLearners(kinds: readonly LearnerKind[], make: (kind: LearnerKind) => Learner): void {
    const kept = this.members.filter(({ source }) => isImported(source) || kinds.includes(source.kind));
    const added = kinds
      .filter((kind) => this.get(kind) === undefined)
      .map((kind) => ({ candidate: new Candidate(kind), source: make(kind) }));
    this.setMembers([...kept, ...added]);
    // Who is new has learned nothing of what came before.
    this.watchMemories();
  }

  /** Takes the place of what was imported before. */
  setImported(imported: Imported): void {
    const kept = this.members.filter(({ source }) => !isImported(source));
    this.setMembers([...kept, { candidate: new Candidate('imported'), source: imported }]);
  }

  /**
   * Everyone predicts and is scored; nothing is learned.
   * @param count Classes, at least one. @param label Class index; -1: a class that was not known before this sample.
   * @returns what `name` said
   */
  judge(embedding: Float32Array, count: number, label: number, name: CandidateName): Judgement {
    let asked: Judgement | undefined;
    for (const { candidate, source } of this.members) {
      const judgement = candidate.judge(source.predict(embedding), count, label);
      if (candidate.name === name) asked = judgement;
    }
    const blended = this.blend?.judge(this.mix(count), count, label);
    const judgement = name === 'blend' ? blended : asked;
    if (judgement === undefined) throw new Error(`${name} serves, and is no candidate`);
    return judgement;
  }

  /** Temperatures and weights learn from the sample last judged. @param label A class that was known. */
  learnCalibration(count: number, label: number): void {
    const { blend, members } = this;
    if (blend) {
      const scaled = members.map(({ candidate }) => candidate.scaled);
      this.weights.learn(scaled, blend.probabilities, count, label, this.held());
    }
    for (const { candidate } of members) candidate.learn(label);
  }

  /** Learners and blend predict one of the old samples, if there is one. @param samples Learned so far. */
  recall(count: number, samples: number): void {
    const old = this.oldSamples?.draw(samples);
    if (old === undefined) return;
    for (const { candidate, source } of this.members) {
      candidate.recall(source.predict(old.embedding), count, old.classIndex);
    }
    this.blend?.recall(this.mix(count), count, old.classIndex);
  }

  /** Everyone learns. @param samples Learned so far, this one included. */
  learn(embedding: Float32Array, classIndex: number, samples: number): void {
    for (const learner of this.ownLearners) learner.learnOne(embedding, classIndex);
    this.oldSamples?.add(embedding, classIndex, samples);
  }

  /** Finds out who forgets, and takes their weight in the blend from them. What was imported learns nothing, so it forgets nothing. */
  reviewMemories(): void {
    const before = this.held();
    const learning = this.all.filter(({ name }) => name !== 'imported');
    compareMemories(learning.map(({ memory, scores }) => ({ memory, accuracy: scores.meanAccuracy() })));
    const held = this.held();
    if (held.some((holds, k) => holds && !before[k])) this.weights.hold(held);
  }

  /** The learners forget what the change has cost each of them: who errs no more than before has nothing to forget. */
  forget(change: DriftChange): void {
    for (const learner of this.ownLearners) {
      const lost = this.lostBy(learner, change);
      if (lost > 0) learner.forget({ ...change, lost });
    }
  }

  /**
   * Nobody need know old samples of another world. But where only some learners err more, the change is theirs, and not the world's; and one that costs less
   * than forgetting does makes nobody look forgetful.
   */
  dropOldSamples(change: DriftChange): void {
    if (change.lost < FORGETS) return;
    const everyone = this.ownLearners.every((learner) => this.lostBy(learner, change) >= EVERYONES_SHARE * change.lost);
    if (everyone) this.oldSamples?.clear(this.ownLearners[0]!.classCount);
  }

  /** What predicts differs from now on: temperatures and weights follow faster for a while. */
  restartCalibration(): void {
    this.weights.restart();
    for (const { temperature } of this.all) temperature.restart();
  }

  /** The classifier whose softmax is the candidate's calibrated probability. @param name One that there is. */
  serving(name: CandidateName): LinearClassifier {
    const temperature = (candidate: Candidate | undefined) => candidate?.temperature.value ?? 1;
    if (name !== 'blend') {
      const member = this.members.find(({ candidate }) => candidate.name === name);
      if (member === undefined) throw new Error(`${name} serves, and is no candidate`);
      return sumOfClassifiers([{ factor: 1 / temperature(member.candidate), classifier: member.source.serving() }]);
    }
    const parts = this.members.map(({ candidate, source }, k) => ({
      factor: this.weights.values[k]! / temperature(candidate),
      classifier: source.serving(),
    }));
    return sumOfClassifiers(parts);
  }

  statistics(): CandidateStatistics[] {
    return this.all.map(({ name, scores, temperature }) => ({
      name,
      samples: scores.judged,
      accuracy: scores.accuracy(),
      logLoss: scores.meanLoss(),
      temperature: temperature.value,
      weight: this.blend ? this.weights.shareOf(name) : 1,
      bytes: this.bytesOf(name),
    }));
  }

  snapshot(): CandidateSetState {
    return {
      candidates: this.all.map((candidate) => ({ name: candidate.name, state: candidate.snapshot() })),
      blend: this.weights.snapshot(),
      oldSamples: this.oldSamples?.snapshot(),
    };
  }

  /**
   * There is a blend when there is something to blend. Its weights are its temperature as well, so it keeps one of 1.
   * @param blend Its state, when members and weights are those of a snapshot.
   */
  private setMembers(members: readonly Member[], blend?: CandidateState): void {
    const place = ({ candidate }: Member) => candidateNames.indexOf(candidate.name);
    this.members = [...members].sort((a, b) => place(a) - place(b));
    this.ownLearners = this.members.flatMap(({ source }) => (isImported(source) ? [] : [source]));
    if (members.length < 2) {
      this.blend = undefined;
      this.weights.setNames([]);
      return;
    }
    if (blend === undefined) this.weights.setNames(this.members.map(({ candidate }) => candidate.name));
    this.blend ??= new Candidate('blend', blend);
  }

  /** The old samples are for the blend. */
  private bytesOf(name: CandidateName): number {
    if (name === 'blend') return this.oldSamples?.bytes ?? 0;
    return this.members.find(({ candidate }) => candidate.name === name)?.source.bytes ?? 0;
  }

  /** Share of its own accuracy, at most what serves has lost. */
  private lostBy({ kind }: Learner, { recent, lost }: DriftChange): number {
    return Math.min(lost, this.get(kind)!.scores.lost(recent) ?? lost);
  }

  /** From nothing, or as a state says. */
  private watchMemories(state?: OldSamplesState): void {
    const [first] = this.ownLearners;
    const isNeeded = first !== undefined && this.ownLearners.length > 1;
    this.oldSamples = isNeeded ? new OldSamples(first.dimensions, first.classCount, state) : undefined;
    if (!isNeeded) for (const { memory } of this.all) memory.clear();
  }

  /** Of each member: whether it may have no weight in the blend. */
  private held(): boolean[] {
    return this.members.map(({ candidate }) => candidate.memory.forgets);
  }

  /** The weighted sum of the calibrated logits last made. */
  private mix(count: number): Float64Array {
    if (count > this.mixture.length) this.mixture = new Float64Array(count * 2);
    this.mixture.fill(0, 0, count);
    this.members.forEach(({ candidate: { scaled } }, k) => {
      const weight = this.weights.values[k]!;
      for (let c = 0; c < count; c++) this.mixture[c]! += weight * scaled[c]!;
    });
    return this.mixture;
  }
}

function isImported(source: Learner | Imported): source is Imported {
  return source instanceof Imported;
}
