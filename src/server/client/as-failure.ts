import { status } from '@grpc/grpc-js';
import { isServiceError, isUnreachable, isUntrusted } from '../../client/shared.js';
import { Failure } from './failure.js';

/** Any error as a Failure: of a gRPC error the code's name and details, and who was asked. */
export function asFailure(error: unknown, server: string): Failure {
  if (error instanceof Failure) return error;
  if (!isServiceError(error)) return new Failure((error as Error)?.message ?? String(error), { cause: error });
  if (isUntrusted(error)) {
    const why = /Last error: (.*?)(?:\. Resolution note:.*)?$/.exec(error.details)?.[1] ?? error.details;
    const message = `no secure connection to ${server}: ${why}; see --tls, --ca, --cert and --server-name`;
    return new Failure(message, { cause: error });
  }
  if (isUnreachable(error)) {
    return new Failure(
      `no server at ${server}; start one with \`headwater serve --config headwater.yaml\`, or name it with --server`,
      {
        cause: error,
      },
    );
  }
  return new Failure(`${server} answers ${status[error.code] ?? error.code}: ${error.details}`, { cause: error });
}
