import { StatusError } from '../errors.js';

/** What a caller may do: ask for predictions; send labels; create, change and delete heads and load models. */
export const SCOPES = ['infer', 'label', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who makes a call, and what it may do. */
export interface Caller {
  /** Whose share of the queue its requests count against: the token's or certificate's name, else the peer's address. */
  readonly client: string;
  /** Whether it may do this at all, or (named) with this head or backbone. */
  may(scope: Scope, model?: string): boolean;
}

/** A caller where no credentials are asked for. */
export function anyone(client: string): Caller {
  return { client, may: () => true };
}

/** @throws StatusError permission_denied, which names the scope that is missing, not what exists. */
export function demand(caller: Caller, scope: Scope, model?: string): void {
  if (caller.may(scope, model)) return;
  const what = model === undefined ? '' : ` for ${JSON.stringify(model)}`;
  throw new StatusError('permission_denied', `the credentials of this call lack the scope \`${scope}\`${what}`);
}
