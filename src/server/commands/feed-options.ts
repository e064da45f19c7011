import type { ConnectionOptions } from '../client/connection.js';
import type { Holdout } from '../data/holdout.js';
import type { NatsOptions } from './nats-options.js';

/** Options of `headwater feed`, as commander reads them. */
export interface FeedOptions extends NatsOptions, ConnectionOptions {
  readonly data: string;
  readonly head: string;
  readonly mode: 'join' | 'sample';
  readonly nats?: string;
  readonly rate?: number;
  readonly labelDelay: number;
  readonly shuffle?: number;
  readonly limit?: number;
  readonly holdout?: Holdout;
  readonly run?: string;
  readonly concurrency: number;
  readonly patience: number;
  readonly json?: true;
}

/** What `feed --json` prints; null where there is no such number. */
export interface FeedReport {
  /** Images answered (join) or stored with their label (sample). */
  readonly sent: number;
  /** Labels stored. */
  readonly labelled: number;
  /** Samples that the head learned from the first image on until all was trained. */
  readonly trained: number;
  /**
   * Labels of the head that ended otherwise meanwhile, those of other clients among them: trained before, no answer under the
   * id, too late for it, not usable. null when the server does not join labels.
   */
  readonly duplicates: number | null;
  readonly unknownIds: number | null;
  readonly late: number | null;
  readonly invalid: number | null;
  /** Labels stored of which the server knows nothing; null when it does not join labels. */
  readonly unaccounted: number | null;
  /** false: labels of this run were surely not taught, neither now nor before. */
  readonly allTaught: boolean;
  /** Of the answers that named a class, the share that named the right one. */
  readonly servedAccuracy: number | null;
  /** Of the head's last samples (1000 at most), the share predicted right before they were learned. */
  readonly prequentialAccuracy: number | null;
  readonly holdoutAccuracy: number | null;
  readonly holdoutMeanPerClassAccuracy: number | null;
  /** From the first image to the last label stored. */
  readonly seconds: number;
  /** sent / seconds */
  readonly imagesPerSecond: number | null;
  /** From the first image until all was trained. */
  readonly secondsUntilTrained: number;
  /** Images or labels that were refused or could not be read, held-out images among them. */
  readonly failed: number;
  /** Images asked again because the answer was not recorded: sent + repeated + heldOut requests were answered (join). */
  readonly repeated: number;
  /** Answers whose label may not join, in spite of asking again. */
  readonly unrecorded: number;
  readonly heldOut: number;
  readonly holdoutCorrect: number;
  readonly classes: number;
  readonly version: number;
  readonly head: string;
  readonly run: string;
}
