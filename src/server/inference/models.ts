// Which models exist for requests: heads and backbones share one space of names.
import type { HeadStatus, Heads, ServingHead } from '../../learner/index.js';
import type { Batcher } from '../batching/batcher.js';
import type { ModelSpec } from '../codec/model.js';
import { listSome, quote, StatusError, toStatusError } from '../errors.js';
import type { BackboneRegistry } from '../repository/backbone-registry.js';
import { UnloadedHeads } from '../repository/unloaded-heads.js';

/** The one version of a backbone: there is one of it at a time, whichever file was loaded last. */
export const BACKBONE_VERSION = '1';

export type ModelTarget =
  | { readonly kind: 'backbone'; readonly spec: ModelSpec; readonly batcher: Batcher }
  | {
      readonly kind: 'head';
      readonly spec: ModelSpec;
      readonly batcher: Batcher;
      /** The snapshot to answer from, asked for when the batch starts. @throws StatusError, LearnerError when there is none. */
      readonly capture: () => ServingHead;
    };

export class Models {
  readonly unloadedHeads = new UnloadedHeads();

  constructor(
    readonly backbones: BackboneRegistry,
    readonly heads: Heads,
  ) {}

  /** Names of all models, heads first. */
  names(): string[] {
    return [...this.heads.list().map(({ definition }) => definition.name), ...this.backbones.names()];
  }

  has(name: string): boolean {
    return this.backbones.isConfigured(name) || this.heads.status(name) !== undefined;
  }

  /** @throws StatusError model_unknown, starting while heads are not known yet. */
  headStatus(name: string): HeadStatus {
    const status = this.heads.status(name);
    if (status !== undefined) return status;
    if (!this.heads.loaded) {
      throw new StatusError('starting', `model ${quote(name)}: heads are not loaded from NATS yet; try again`);
    }
    throw new StatusError('model_unknown', `no model ${quote(name)}; there are ${listSome(this.names())}`);
  }

  /** Why a head can't answer now; undefined: it can. @throws StatusError as `headStatus`. */
  headProblem(name: string): string | undefined {
    try {
      this.describe(name);
      this.heads.serving(name);
      return undefined;
    } catch (error) {
      return toStatusError(error).message;
    }
  }

  /** Shapes of a model; also checks that the backbone of a head is here. @throws StatusError as `resolve`. */
  describe(name: string): { spec: ModelSpec; batcher: Batcher; status: HeadStatus | undefined } {
    const own = this.backbones.loaded.get(name);
    if (own !== undefined) return { spec: specOf('backbone', name, own), batcher: own, status: undefined };
    const unavailable = this.backbones.unavailable(name);
    if (unavailable !== undefined) throw unavailable;
    const status = this.headStatus(name);
    if (this.unloadedHeads.has(status.definition)) {
      throw new StatusError('model_unloaded', `head "${name}" is not served here: unloaded`);
    }
    const batcher = this.backboneOf(status);
    return { spec: specOf('head', name, batcher), batcher, status };
  }

  /**
   * What answers a request for a model.
   * @param version empty: the version being served.
   * @throws StatusError model_unknown, model_unloaded, version_unknown, backbone_mismatch, starting; LearnerError of a head that can't be served.
   */
  async resolve(name: string, version: string): Promise<ModelTarget> {
    const { spec, batcher, status } = this.describe(name);
    if (status === undefined) {
      if (version !== '' && version !== BACKBONE_VERSION) throw unknownVersion(name, version, [BACKBONE_VERSION]);
      return { kind: 'backbone', spec, batcher };
    }
    if (version === '') {
      // Asked for now as well: a head that can't be served is refused before any work.
      this.heads.serving(name);
      return { kind: 'head', spec, batcher, capture: () => this.servingOn(name, batcher) };
    }
    const head = await this.named(status, version);
    return { kind: 'head', spec, batcher, capture: () => head };
  }

  /** A version by number. @throws StatusError version_unknown; LearnerError. */
  private async named(status: HeadStatus, version: string): Promise<ServingHead> {
    const { name } = status.definition;
    const serving = this.heads.serving(name);
    if (version === String(serving.version)) return serving;
    const wanted = /^[1-9]\d{0,15}$/.test(version) ? Number(version) : 0;
    const known = status.versions.map((entry) => String(entry.version));
    if (!known.includes(String(wanted))) throw unknownVersion(name, version, known);
    return this.heads.version(name, wanted);
  }

  private servingOn(name: string, batcher: Batcher): ServingHead {
    const head = this.heads.serving(name);
    // The head may have been made anew on another backbone while the request waited.
    checkIdentity(head.definition, batcher);
    return head;
  }

  private backboneOf(status: HeadStatus): Batcher {
    const { definition } = status;
    const batcher = this.backbones.loaded.get(definition.backbone);
    if (batcher === undefined) {
      const unavailable = this.backbones.unavailable(definition.backbone);
      if (unavailable !== undefined) {
        throw new StatusError('model_unloaded', `head "${definition.name}": its ${unavailable.message}`);
      }
      const known = listSome(this.backbones.names());
      const message = `head "${definition.name}" needs backbone "${definition.backbone}", which is not configured here (${known})`;
      throw new StatusError('backbone_mismatch', message);
    }
    checkIdentity(definition, batcher);
    return batcher;
  }
}

function specOf(kind: ModelSpec['kind'], name: string, { backbone }: Batcher): ModelSpec {
  return { kind, name, size: backbone.image.size, dimensions: backbone.dimensions };
}

function unknownVersion(name: string, version: string, known: readonly string[]): StatusError {
  return new StatusError(
    'version_unknown',
    `model "${name}" has no version ${quote(version)}; there are ${listSome(known)} (none named: the one being served)`,
  );
}

function checkIdentity(definition: HeadStatus['definition'], { backbone }: Batcher): void {
  if (definition.backboneIdentity === backbone.identity) return;
  const short = (identity: string) => identity.slice(0, 12);
  throw new StatusError(
    'backbone_mismatch',
    `head "${definition.name}" was taught on another "${definition.backbone}" than the one configured: identity ` +
      `${short(definition.backboneIdentity)}..., now ${short(backbone.identity)}... (model file, output or image settings ` +
      'changed); configure that one again, or make a new head',
  );
}
