import type { Caller, Scope } from './caller.js';

/** What a token or a client certificate allows. */
export interface Grant {
  /** Of the token or certificate, for the log, the metrics and the queue's fairness. */
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Names of heads and backbones; `*` stands for any characters. */
  readonly heads: readonly string[];
}

/** Names, with at most `MAX_STARS` stars: what a pattern costs is bounded, whatever it is compared with. */
export const HEAD_PATTERN = /^(?=[^*]*(?:\*[^*]*){0,4}$)[a-z0-9_*-]{1,63}$/;
export const HEAD_PATTERN_RULE = 'a name of a head or backbone, in which `*` (four at most) stands for any characters';

/** Longest name that exists; longer ones, from strangers, are not looked at. */
const MAX_NAME = 63;

/** Whether a pattern such as `cal-*` matches a whole name. */
export function matchesPattern(pattern: string, name: string): boolean {
  if (name.length > MAX_NAME) return false;
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return name === pattern;
  const last = rest.pop() as string;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** @returns whether a grant covers a scope at all, or (named) for this model. */
export function allows({ scopes, heads }: Grant, scope: Scope, model?: string): boolean {
  if (!scopes.includes(scope)) return false;
  return model === undefined || heads.some((pattern) => matchesPattern(pattern, model));
}

/** A caller with what `current` allows at the moment; undefined: it is revoked. */
export function callerOf(name: string, current: () => Grant | undefined): Caller {
  return {
    client: name,
    get seesAll() {
      return current()?.heads.includes('*') ?? false;
    },
    may: (scope, model) => {
      const grant = current();
      return grant !== undefined && allows(grant, scope, model);
    },
  };
}
