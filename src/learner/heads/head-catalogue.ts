import type { HeadProgress, HeadRequest, HeadStatus, Heads } from '../learning.js';
import type { NatsLink } from '../nats/connection.js';
import { isUnavailable } from '../nats/errors.js';
import type { HeadStore } from '../nats/head-store.js';
import { type HeadDefinition, LearnerError, type ServingHead } from '../types.js';
import type { HeadRegistry } from './head-registry.js';
import { checkHeadRequest } from './head-request.js';
import type { HeadView } from './head-view.js';

/** What changing heads needs of NATS. */
export interface CatalogueParts {
  readonly link: NatsLink;
  readonly store: HeadStore;
  /** Labels waiting and the log's end. */
  progress(definition: HeadDefinition): Promise<HeadProgress>;
  /** Removes what a deleted generation leaves behind. */
  cleanUp(definition: HeadDefinition, view: HeadView): Promise<void>;
}

/** Heads as the server sees them: reads come from the registry at once, changes go to NATS. */
export class HeadCatalogue implements Heads {
  private parts: CatalogueParts | undefined;

  constructor(private readonly registry: HeadRegistry) {}

  connect(parts: CatalogueParts): void {
    this.parts = parts;
  }

  get loaded(): boolean {
    return this.registry.loaded;
  }

  list(): readonly HeadStatus[] {
    return this.registry.list();
  }

  status(name: string): HeadStatus | undefined {
    return this.registry.status(name);
  }

  serving(name: string): ServingHead {
    return this.registry.serving(name);
  }

  version(name: string, version: number): Promise<ServingHead> {
    return this.registry.version(name, version).catch((error) => {
      throw explain(error);
    });
  }

  create(request: HeadRequest): Promise<HeadStatus> {
    return this.ask(async ({ store }) => {
      const { name } = request;
      const classes = checkHeadRequest(request);
      const before = await store.get(name, 'definition');
      if (before && !before.value.deleted) throw alreadyThere(name);
      const generation = (before?.value.generation ?? 0) + 1;
      const value = { ...request, classes, generation, createdAtMs: Date.now(), deleted: false };
      const revision = await store.compareAndSet(name, 'definition', value, before?.revision);
      if (revision === undefined) throw alreadyThere(name);
      this.registry.take({ head: name, key: 'definition', stored: { value, revision }, revision });
      return this.registry.mustStatus(name);
    });
  }

  delete(name: string): Promise<void> {
    return this.ask(async ({ store, cleanUp }) => {
      const [definition, view] = this.registry.must(name);
      const stored = await store.get(name, 'definition');
      if (!stored || stored.value.deleted) throw this.registry.unknown(name);
      const value = { ...stored.value, deleted: true };
      const revision = await store.compareAndSet(name, 'definition', value, stored.revision);
      if (revision === undefined) {
        throw new LearnerError('head_unavailable', `head '${name}' changed meanwhile; try again`);
      }
      const before = { ...view };
      this.registry.take({ head: name, key: 'definition', stored: { value, revision }, revision });
      await cleanUp(definition, before);
    });
  }

  rollback(name: string, version: number): Promise<HeadStatus> {
    return this.ask(async ({ store }) => {
      const [{ generation }, view] = this.registry.must(name);
      if (version === 0) {
        const revision = await store.remove(name, 'serving');
        this.registry.take({ head: name, key: 'serving', stored: undefined, revision });
      } else {
        this.registry.mustVersion(name, view, version);
        const value = { generation, version };
        const revision = await store.put(name, 'serving', value);
        this.registry.take({ head: name, key: 'serving', stored: { value, revision }, revision });
      }
      await this.registry.loadWanted(name);
      return this.registry.mustStatus(name);
    });
  }

  progress(name: string): Promise<HeadProgress> {
    return this.ask(({ progress }) => progress(this.registry.must(name)[0]));
  }

  /** Answers at once while NATS is away: its own time-outs are seconds. */
  private async ask<T>(work: (parts: CatalogueParts) => Promise<T>): Promise<T> {
    const { parts } = this;
    if (!parts?.link.connected) throw away();
    return work(parts).catch((error) => {
      throw explain(error);
    });
  }
}

function explain(error: unknown): unknown {
  return error instanceof LearnerError || !isUnavailable(error) ? error : away(error);
}

function away(cause?: unknown): LearnerError {
  return new LearnerError('nats_unavailable', 'NATS is away, and this needs it; try again when it is back', { cause });
}

function alreadyThere(name: string): LearnerError {
  return new LearnerError('head_exists', `there is a head '${name}' already; delete it first, or choose another name`);
}
