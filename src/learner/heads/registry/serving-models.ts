import { decodeModel } from '../../fold/model-format.js';
import type { SnapshotStore } from '../../nats/stores/snapshot-store.js';
import type { HeadDefinition, HeadModel, HeadVersion } from '../../types.js';

/** Older versions that requests named, kept loaded. */
const MAX_LOADED = 16;

/** Versions as serving uses them: loaded from the snapshot store, checked, and kept while they are asked for. */
export class ServingModels {
  private readonly loaded = new Map<string, Promise<HeadModel>>();

  constructor(private readonly snapshots: SnapshotStore) {}

  /** @throws LearnerError snapshot_corrupt; whatever NATS says when it does not answer. */
  load(definition: HeadDefinition, version: HeadVersion): Promise<HeadModel> {
    const key = `${definition.name}/${definition.generation}/${version.modelDigest}`;
    const known = this.loaded.get(key);
    if (known) return known;
    const loading = this.read(definition, version);
    this.loaded.set(key, loading);
    loading.catch(() => this.loaded.delete(key));
    for (const oldest of this.loaded.keys()) {
      if (this.loaded.size <= MAX_LOADED) break;
      this.loaded.delete(oldest);
    }
    return loading;
  }

  private async read(definition: HeadDefinition, version: HeadVersion): Promise<HeadModel> {
    // The store has compared the digest, in pieces; nobody changes the bytes.
    return decodeModel(await this.snapshots.get(definition, 'model', version.modelDigest), definition, true);
  }
}
