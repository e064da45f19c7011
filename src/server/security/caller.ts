import { StatusError } from '../errors.js';

/**
 * What a caller may do: ask for predictions; send labels; create, change and delete heads and load models; read /metrics.
 * The last one is about no head in particular: it is for whoever scrapes.
 */
export const SCOPES = ['infer', 'label', 'admin', 'metrics'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who makes a call, and what it may do. */
export interface Caller {
  /** Whose share of the queue its requests count against: the token's or certificate's name, else the peer's address. */
  readonly client: string;
  /** Whether it may know of every head: others are not told names when theirs does not exist. */
  readonly seesAll: boolean;
  /**
   * Whether it may do this at all, or (named) with this head or backbone. Asked anew for each message of a stream: a
   * token that was revoked meanwhile may nothing any more.
   */
  may(scope: Scope, model?: string): boolean;
}

/** A caller where no credentials are asked for. */
export function anyone(client: string): Caller {
  return { client, seesAll: true, may: () => true };
}

/** A caller that may nothing: for what asks for no credentials, such as health. */
export function nobody(client: string): Caller {
  return { client, seesAll: false, may: () => false };
}

/** Whether a head or backbone may be shown: whoever may do anything with it may know of it. */
export function maySee(caller: Caller, model: string): boolean {
  return (['infer', 'label', 'admin'] as const).some((scope) => caller.may(scope, model));
}

/** @throws StatusError permission_denied, which names the scope that is missing, not what exists. */
export function demand(caller: Caller, scope: Scope, model?: string): void {
  if (caller.may(scope, model)) return;
  throw lacking(`the scope \`${scope}\``, model);
}

/** @throws StatusError permission_denied when the caller may do nothing with the model. */
export function demandSight(caller: Caller, model: string): void {
  if (!maySee(caller, model)) throw lacking('any scope', model);
}

function lacking(what: string, model: string | undefined): StatusError {
  const where = model === undefined ? '' : ` for ${JSON.stringify(model.slice(0, 100))}`;
  return new StatusError('permission_denied', `the credentials of this call lack ${what}${where}`);
}
