// The one place where gRPC calls are let in: before any message is read, and whatever the method.
import type { Metadata, ServerInterceptor } from '@grpc/grpc-js';
import { StatusError, toServiceError } from '../errors.js';
import { type Authenticator, Unauthenticated, unidentified } from './authenticator.js';
import { type Caller, nobody } from './caller.js';
import type { FailedAttempts } from './failed-attempts.js';
import { METHODS, type Need } from './methods.js';

/** grpc-js hands the metadata of a call to its handler as the very object that interceptors saw. */
const callers = new WeakMap<Metadata, Caller>();

/** Who makes a call; nobody, if it did not come through the interceptor. */
export function callerOfCall(call: { readonly metadata: Metadata; getPeer(): string }): Caller {
  return callers.get(call.metadata) ?? nobody(addressOf(call.getPeer()));
}

/** Says whose a call is that did not come through gRPC: who makes it has checked the caller. */
export function letIn(metadata: Metadata, caller: Caller): void {
  callers.set(metadata, caller);
}

export interface AdmissionOptions {
  readonly authenticator: Authenticator;
  readonly health: 'open' | 'credentials';
  readonly failures: FailedAttempts;
}

export function admitCalls({ authenticator, health, failures }: AdmissionOptions): ServerInterceptor {
  return (method, call) => {
    const admit = (metadata: Metadata): Caller => {
      const need = METHODS.get(method.path);
      const address = addressOf(call.getPeer());
      if (need === undefined) throw new StatusError('permission_denied', `nobody may call ${method.path}`);
      if (need === 'health' && health === 'open') return unidentified(address);
      const caller = authenticator.identify({
        authorization: metadata.get('authorization'),
        certificate: () => call.getAuthContext().sslPeerCertificate,
        address,
      });
      checkNeed(caller, need);
      return caller;
    };
    // The call's own `start` is wrapped, which is cheaper than a ServerInterceptingCall around it.
    const start = call.start.bind(call);
    call.start = (listener) =>
      start({
        onReceiveMetadata: (metadata) => {
          try {
            callers.set(metadata, admit(metadata));
          } catch (error) {
            const refusal = error as StatusError;
            const reason = refusal instanceof Unauthenticated ? refusal.reason : refusal.code;
            failures.record(reason, method.path, addressOf(call.getPeer()));
            call.sendStatus(toServiceError(refusal));
            return;
          }
          listener.onReceiveMetadata(metadata);
        },
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveHalfClose: () => listener.onReceiveHalfClose(),
        onCancel: () => listener.onCancel(),
      });
    return call as ReturnType<ServerInterceptor>;
  };
}

/** @throws StatusError permission_denied */
export function checkNeed(caller: Caller, need: Need): void {
  if (need === 'health' || need === 'anyone' || need.some((scope) => caller.may(scope))) return;
  const scopes = need.map((scope) => `\`${scope}\``).join(' or ');
  throw new StatusError('permission_denied', `the credentials of this call lack the scope ${scopes}`);
}

/** A peer without its port. */
function addressOf(peer: string): string {
  return peer.replace(/:\d+$/, '');
}
