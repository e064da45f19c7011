import type { HeadProgress } from '../../learning.js';
import { subjects } from '../../names.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import { EMBED_STREAM, LABELS_STREAM, PARKED_STREAM } from '../../nats/streams/streams.js';
import type { HeadDefinition } from '../../types.js';

/** How far a head's labels have come, asked of NATS. A label is always in a stream, so none is missed between two. */
export function headProgress(link: NatsLink, log: TrainingLog): (head: HeadDefinition) => Promise<HeadProgress> {
  return async (head) => {
    const manager = await link.manager();
    const count = async (stream: string, subject: string) => {
      const info = await manager.streams.info(stream, { subjects_filter: subject });
      return info.state.subjects?.[subject] ?? 0;
    };
    // In the order in which labels move, so that one on its way is counted twice rather than not at all.
    const labels = await count(LABELS_STREAM, subjects.label(head.name));
    const parked = await count(PARKED_STREAM, subjects.parked(head.name));
    const embed = await count(EMBED_STREAM, subjects.embed(head.backbone, head.name));
    return { labelsWaiting: labels + parked + embed, logSequence: await log.lastSequence(head) };
  };
}
