import { setTimeout as delay } from 'node:timers/promises';
import type { Spread } from './statistics.js';
import { spread } from './statistics.js';

/** One engine with one setting. A turn is a few runs right after each other; it resolves with the time of one of them. */
export interface Contestant {
  readonly name: string;
  turn(): Promise<number>;
}

/** The time of each contestant, by name, in one round. */
export type Round = Readonly<Record<string, number>>;

export interface InterleaveOptions {
  readonly rounds: number;
  /** Before each turn, so that threads of the one before are at rest. */
  readonly restMs: number;
}

/**
 * All contestants in turn, round after round, every second one backwards: what disturbs the machine for a while disturbs neighbours
 * alike, and nobody always comes after the same one.
 */
export async function interleave(contestants: readonly Contestant[], options: InterleaveOptions): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let index = 0; index < options.rounds; index++) {
    const times: Record<string, number> = {};
    const order = index % 2 === 0 ? contestants : [...contestants].reverse();
    for (const contestant of order) {
      await delay(options.restMs);
      times[contestant.name] = await contestant.turn();
    }
    rounds.push(times);
  }
  return rounds;
}

/** The time of one contestant over another's, round by round. Undefined when one of them did not take part. */
export function timeRatio(rounds: readonly Round[], numerator: string, denominator: string): Spread | undefined {
  const ratios = rounds.map((round) => round[numerator]! / round[denominator]!).filter((ratio) => !Number.isNaN(ratio));
  return ratios.length === 0 ? undefined : spread(ratios);
}
