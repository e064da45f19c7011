import type { Learner, LinearClassifier } from '../../learners/learner.js';
import { type CandidateName, type CandidateStatistics, candidateNames, type LearnerKind } from '../../types.js';
import { BlendWeights, type BlendWeightsState } from './blend-weights.js';
import { Candidate, type CandidateState, type Judgement } from './candidate.js';
import { Imported } from './imported.js';
import { sumOfClassifiers } from './serving-weights.js';

export interface CandidateSetState {
  readonly candidates: readonly { readonly name: CandidateName; readonly state: CandidateState }[];
  readonly blend: BlendWeightsState;
}

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
  private mixture = new Float64Array(8);

  constructor(learners: readonly Learner[], imported?: Imported, state?: CandidateSetState) {
    const stateOf = (name: CandidateName) => state?.candidates.find((candidate) => candidate.name === name)?.state;
    this.weights = new BlendWeights(state?.blend);
    const members = [
      ...learners.map((source) => ({ candidate: new Candidate(source.kind, stateOf(source.kind)), source })),
      ...(imported ? [{ candidate: new Candidate('imported', stateOf('imported')), source: imported }] : []),
    ];
    this.setMembers(members, stateOf('blend'));
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
  }

  removeClass(index: number): void {
    for (const { source } of this.members) source.removeClass(index);
  }

  /** Makes these the learners: who is missing is dropped. @param make A learner that knows nothing, with all classes. */
  setLearners(kinds: readonly LearnerKind[], make: (kind: LearnerKind) => Learner): void {
    const kept = this.members.filter(({ source }) => isImported(source) || kinds.includes(source.kind));
    const added = kinds
      .filter((kind) => this.get(kind) === undefined)
      .map((kind) => ({ candidate: new Candidate(kind), source: make(kind) }));
    this.setMembers([...kept, ...added]);
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
      this.weights.learn(scaled, blend.probabilities, count, label);
    }
    for (const { candidate } of members) candidate.learn(label);
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
      bytes: this.members.find(({ candidate }) => candidate.name === name)?.source.bytes ?? 0,
    }));
  }

  snapshot(): CandidateSetState {
    return {
      candidates: this.all.map((candidate) => ({ name: candidate.name, state: candidate.snapshot() })),
      blend: this.weights.snapshot(),
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
