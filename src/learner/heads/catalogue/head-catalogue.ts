import { randomUUID } from 'node:crypto';
import { encodeAct, type LoggedAct } from '../../fold/log-entry.js';
import type { ExportedHead, HeadAct, HeadProgress, HeadRequest, HeadStatus, Heads } from '../../learning.js';
import type { NatsLink } from '../../nats/connection/connection.js';
import { isUnavailable } from '../../nats/connection/errors.js';
import type { TrainingLog } from '../../nats/log/training-log.js';
import type { HeadStore, StoredDefinition } from '../../nats/stores/head-store.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import {
  type HeadDefinition,
  type HeadStatistics,
  type HeadVersion,
  LearnerError,
  type ServingHead,
} from '../../types.js';
import { exportHead } from '../files/head-files.js';
import { type OpenImport, openImport } from '../files/open-import.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import { checkAct } from './check-act.js';
import { checkHeadRequest } from './head-request.js';

/** What changing heads needs of NATS. */
export interface CatalogueParts {
  readonly link: NatsLink;
  readonly store: HeadStore;
  readonly snapshots: SnapshotStore;
  readonly log: TrainingLog;
  /** Labels waiting and the log's end. */
  progress(definition: HeadDefinition): Promise<HeadProgress>;
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

  statistics(name: string): Promise<HeadStatistics> {
    return this.registry.statistics(name).catch((error) => {
      throw explain(error);
    });
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
    return this.ask(async (parts) => {
      await this.define(request, parts);
      return this.registry.mustStatus(request.name);
    });
  }

  delete(name: string, seenVersion: number): Promise<void> {
    return this.ask(async ({ store }) => {
      const [definition] = this.registry.must(name);
      const stored = await store.get(name, 'definition');
      if (!stored || stored.value.deleted) throw this.registry.unknown(name);
      const latest = (await store.get(name, 'latest'))?.value;
      checkSeen(name, latest?.generation === definition.generation ? latest.versions : [], seenVersion);
      const value = asDeleted(stored.value);
      const revision = await store.compareAndSet(name, 'definition', value, stored.revision);
      if (revision === undefined) {
        throw new LearnerError('head_unavailable', `head '${name}' changed meanwhile; try again`);
      }
      this.registry.take({ head: name, key: 'definition', stored: { value, revision }, revision });
    });
  }

  act(name: string, act: HeadAct): Promise<number> {
    return this.ask(async ({ log }) => {
      const [definition] = this.registry.must(name);
      const checked = checkAct(definition, await this.registry.statistics(name), act);
      return append(log, definition, checked);
    });
  }

  export(name: string, version: number, embedding?: string): Promise<ExportedHead> {
    return this.ask(async () => {
      const [definition, view] = this.registry.must(name);
      const wanted = version === 0 ? this.registry.mustStatus(name).servingVersion : version;
      const known = this.registry.mustVersion(name, view, wanted);
      const { model } = await this.registry.version(name, wanted);
      return exportHead(definition, known, model, embedding);
    });
  }

  import(request: HeadRequest, bytes: Uint8Array, embedding?: string): Promise<HeadStatus> {
    return this.ask(async (parts) => {
      const file = await openImport({ request, bytes, embedding });
      try {
        const definition = await this.define(request, parts);
        await this.begin(definition, file, parts);
        return this.registry.mustStatus(request.name);
      } finally {
        await file.close();
      }
    });
  }

  /** Gives a new head the weights that it begins with: without them it would be another head than was asked for, and is deleted. */
  private async begin(
    definition: StoredDefinition,
    file: OpenImport,
    { snapshots, log, store }: CatalogueParts,
  ): Promise<void> {
    try {
      const digest = await snapshots.put(definition, 'model', await file.model(definition));
      await append(log, definition, { kind: 'import_model', digest });
    } catch (error) {
      await this.takeBack(definition, store);
      throw error;
    }
  }

  /** Minutes may have gone by: a head that was made anew under that name meanwhile is another one, and stays. */
  private async takeBack({ name, generation }: StoredDefinition, store: HeadStore): Promise<void> {
    const stored = await store.get(name, 'definition');
    if (stored?.value.generation !== generation || stored.value.deleted) return;
    const value = asDeleted(stored.value);
    const revision = await store.compareAndSet(name, 'definition', value, stored.revision);
    if (revision !== undefined) {
      this.registry.take({ head: name, key: 'definition', stored: { value, revision }, revision });
    }
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
        await this.checkPinned(name, value);
      }
      await this.registry.loadWanted(name);
      return this.registry.mustStatus(name);
    });
  }

  progress(name: string): Promise<HeadProgress> {
    return this.ask(({ progress }) => progress(this.registry.must(name)[0]));
  }

  /** Its learner may have given the version up meanwhile: then there is nothing to pin. @throws LearnerError version_unknown. */
  private async checkPinned(name: string, pin: { generation: number; version: number }): Promise<void> {
    const latest = (await this.registry.store.get(name, 'latest'))?.value;
    const isThere = latest?.versions.some(({ version }) => version === pin.version);
    if (latest?.generation === pin.generation && isThere) return;
    const revision = await this.registry.store.remove(name, 'serving');
    this.registry.take({ head: name, key: 'serving', stored: undefined, revision });
    throw new LearnerError('version_unknown', `version ${pin.version} of head '${name}' was given up meanwhile`);
  }

  private async define(request: HeadRequest, { store, link }: CatalogueParts): Promise<StoredDefinition> {
    const { name } = request;
    const classes = checkHeadRequest(request);
    const before = await store.get(name, 'definition');
    if (before && !before.value.deleted) throw alreadyThere(name);
    const generation = (before?.value.generation ?? 0) + 1;
    const remains = before?.value.remains ?? [];
    const value = { ...request, classes, generation, createdAtMs: Date.now(), deleted: false, remains };
    checkSize(value, link.maxPayload);
    const revision = await store.compareAndSet(name, 'definition', value, before?.revision);
    if (revision === undefined) throw alreadyThere(name);
    this.registry.take({ head: name, key: 'definition', stored: { value, revision }, revision });
    return value;
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

function append(log: TrainingLog, definition: HeadDefinition, change: LoggedAct): Promise<number> {
  const id = randomUUID();
  return log.appendAct(definition, id, encodeAct({ id, atMs: Date.now(), change }));
}

/** Who teaches removes what it leaves behind: see head-removal.ts. */
function asDeleted(definition: StoredDefinition): StoredDefinition {
  return { ...definition, deleted: true, remains: [...definition.remains, definition.generation] };
}

/** A head that learns has another version each second, so versions that came since it was seen are no hindrance. @param versions newest first */
function checkSeen(name: string, versions: readonly HeadVersion[], seen: number): void {
  const [newest, oldest] = [versions[0]?.version ?? 0, versions.at(-1)?.version ?? 0];
  if (seen >= oldest && seen <= newest) return;
  const has = newest === 0 ? 'has no version yet' : `has versions from ${oldest} to ${newest}`;
  throw new LearnerError(
    'version_mismatch',
    `head '${name}' ${has}, and was to be deleted at version ${seen}: look at it again, and name a version that it has`,
  );
}

/** What a message holds beside the value: subject and headers. */
const MESSAGE_OVERHEAD = 4_096;

/** The definition is one message. @throws LearnerError invalid_argument. */
function checkSize(definition: StoredDefinition, maxPayload: number): void {
  const bytes = Buffer.byteLength(JSON.stringify(definition));
  if (bytes <= maxPayload - MESSAGE_OVERHEAD) return;
  const { classes } = definition;
  throw new LearnerError(
    'invalid_argument',
    `classes: the names of the ${classes.length} classes take ${bytes} bytes, and NATS takes ${maxPayload} at once (max_payload): ` +
      'use shorter names or fewer classes, make the head open, or raise max_payload',
  );
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
