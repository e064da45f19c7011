// What became of the labels that a client sent, from what the server says of the head before and after.
import type { Head__Output } from '../../../protos/index.js';

export interface LabelAccount {
  /** Samples that the head learned meanwhile. */
  readonly trained: number;
  /** Labels by how they ended otherwise; null when the server tells none: it does not join labels itself. */
  readonly results: Readonly<Record<EndedOtherwise, number>> | null;
  /** Labels that were neither trained nor ended otherwise; null without `results`. */
  readonly unaccounted: number | null;
  /** The server began to count anew meanwhile, so `results` are too low. */
  readonly restarted: boolean;
}

const ENDED_OTHERWISE = ['duplicate', 'unknown_id', 'late', 'invalid'] as const;
type EndedOtherwise = (typeof ENDED_OTHERWISE)[number];
type HeadCounts = Pick<Head__Output, 'samples' | 'labelResults'>;

/** Other clients of the head make the counts larger, never smaller: `unaccounted` may miss something, but accuses nobody. */
export function accountForLabels(labelled: number, before: HeadCounts, after: HeadCounts): LabelAccount {
  const trained = after.samples - before.samples;
  if (Object.keys(after.labelResults).length === 0) {
    return { trained, results: null, unaccounted: null, restarted: false };
  }
  const restarted = Object.entries(before.labelResults).some(
    ([result, count]) => (after.labelResults[result] ?? 0) < count,
  );
  const delta = (result: EndedOtherwise) =>
    (after.labelResults[result] ?? 0) - (restarted ? 0 : (before.labelResults[result] ?? 0));
  const results = {
    duplicate: delta('duplicate'),
    unknown_id: delta('unknown_id'),
    late: delta('late'),
    invalid: delta('invalid'),
  };
  const ended = ENDED_OTHERWISE.reduce((sum, result) => sum + results[result], trained);
  return { trained, results, unaccounted: Math.max(0, labelled - ended), restarted };
}

export interface LabelVerdict {
  /** Whether labels of this run were surely not taught. */
  readonly failed: boolean;
  readonly message: string;
}

/**
 * What is to be told about labels that taught nothing; undefined when all were trained now or before.
 * @param server what to call the server. @param nats what `--nats` was; undefined: labels went to the server itself.
 */
export function judgeLabels(
  labelled: number,
  { trained, results, unaccounted, restarted }: LabelAccount,
  server: string,
  nats: string | undefined,
): LabelVerdict | undefined {
  if (results === null || unaccounted === null) {
    // Labels given to the server itself are in its stream: those that taught nothing were trained before.
    if (nats === undefined || labelled === 0 || trained > 0) return undefined;
    const message = `${labelled} labels were stored but none was trained: was it the same --run before? If not, check that --nats is the NATS that ${server} uses`;
    return { failed: false, message };
  }
  if (trained + results.duplicate >= labelled) return undefined;
  const dead = results.unknown_id + results.late + results.invalid;
  const parts: string[] = [];
  if (dead > 0) {
    const reasons = `unknown id ${results.unknown_id}, late ${results.late}, invalid ${results.invalid}`;
    parts.push(`${dead} labels could not be used (${reasons}): the dead letters in HEADWATER_DEAD say why`);
  }
  if (unaccounted > 0) {
    const elsewhere =
      nats === undefined
        ? 'if other processes join labels too, look at their headwater_labels_total; else see the log of the server'
        : `check that --nats is the NATS that ${server} uses (its nats.url, or the nats.json in its dataDir)`;
    const never = `${unaccounted} of ${labelled} labels were stored, but ${server} knows nothing of them`;
    parts.push(restarted ? `${never}: it was restarted meanwhile` : `${never}: ${elsewhere}`);
  }
  return { failed: dead > 0 || !restarted, message: parts.join('; ') };
}
