import type { Logger } from 'pino';
import type { LearningObserver } from '../../learner/index.js';
import { LogSeldom } from './log-seldom.js';

/** The learner's side in the log: its lines as they are, and what it only counts (labels and records that are given up) as one line a second of each kind. */
export function learningLog(observer: LearningObserver, log: Logger): LearningObserver {
  const seldom = new LogSeldom((fields, message, suppressed) =>
    log.warn(suppressed > 0 ? { ...fields, alsoGivenUp: suppressed } : fields, message),
  );
  return {
    ...observer,
    deadLetter: (head, reason) => {
      observer.deadLetter(head, reason);
      seldom.tell(`label ${reason}`, { event: 'label_given_up', head, reason }, `a label is given up: ${reason}`);
    },
    dropped: (what) => {
      observer.dropped(what);
      seldom.tell(`dropped ${what}`, { event: 'dropped', what }, `given up under pressure: ${what}`);
    },
  };
}
