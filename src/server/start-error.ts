/** Why the process can't start: one line that names the key to change. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** A failed listen, in words. @param key the port's key in the configuration. */
export function listenError(error: unknown, host: string, port: number, key: string): Error {
  const message = error instanceof Error ? error.message : String(error);
  const code = /\bE[A-Z]{4,}\b/.exec(`${(error as { code?: unknown }).code ?? ''} ${message}`)?.[0];
  const options = { cause: error };
  switch (code) {
    case 'EADDRINUSE': {
      const change = `stop it, or choose another with --set ${key}=PORT (0: any free one)`;
      return new StartError(`${key}: ${host}:${port} is in use by another process; ${change}`, options);
    }
    case 'EACCES':
      return new StartError(`${key}: no permission to listen on port ${port}; choose one above 1023`, options);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartError(`server.host: ${host} is not an address of this machine; 0.0.0.0 is all of them`, options);
    default:
      return new StartError(`${key}: can't listen on ${host}:${port}: ${message}`, options);
  }
}
