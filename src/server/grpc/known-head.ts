// Heads by name as the calls about them need them: what is known here, completed with what only NATS knows.
import type { Head } from '../../../protos/index.js';
import type { HeadStatus, LabelResult, Learning } from '../../learner/index.js';
import { listSome, quote, StatusError } from '../errors.js';
import { headMessage } from './head-message.js';

const NO_RESULTS: Readonly<Record<LabelResult, number>> = {
  trained: 0,
  duplicate: 0,
  unknown_id: 0,
  late: 0,
  invalid: 0,
};

export class KnownHeads {
  /** @param joins whether this process joins labels, and so can tell how they ended. */
  constructor(
    private readonly learning: Learning,
    private readonly joins: boolean,
  ) {}

  /** @throws StatusError head_unknown, or starting while heads are not known yet. */
  need(name: string): HeadStatus {
    const { heads } = this.learning;
    const status = heads.status(name);
    if (status !== undefined) return status;
    if (!heads.loaded) {
      throw new StatusError('starting', `head ${quote(name)}: heads are not loaded from NATS yet; try again`);
    }
    const known = listSome(heads.list().map(({ definition }) => definition.name));
    throw new StatusError('head_unknown', `no head ${quote(name)}; there are ${known}`);
  }

  /** What GetHead tells: exact, so it needs NATS. */
  async exact(status: HeadStatus): Promise<Head> {
    const { name } = status.definition;
    const progress = await this.learning.heads.progress(name);
    return headMessage(await this.whole(status), progress, this.labelResults(name));
  }

  /** What is known here without asking NATS: cheap enough for a thousand heads, or for every tenth of a second. */
  asKnown(status: HeadStatus): Head {
    const message = headMessage(status, undefined, this.labelResults(status.definition.name));
    if (this.learning.connected) return message;
    const away = 'NATS is away: this is as of the newest snapshot';
    return { ...message, state: status.state === 'ready' ? away : `${status.state}; ${away}` };
  }

  /** With all classes, also of a head that has many and is taught elsewhere. */
  private async whole(status: HeadStatus): Promise<HeadStatus> {
    if (status.statistics.classes.length === status.classCount) return status;
    return { ...status, statistics: await this.learning.heads.statistics(status.definition.name) };
  }

  /** Counts that are still 0 are told, too: none at all means that labels are joined elsewhere. */
  private labelResults(name: string): Readonly<Partial<Record<LabelResult, number>>> {
    const results = this.learning.labelResults(name);
    return this.joins ? { ...NO_RESULTS, ...results } : results;
  }
}
