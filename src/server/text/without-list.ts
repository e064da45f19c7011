/** A message up to where the names of others begin: for callers that may not know of them. */
export function withoutList(message: string): string {
  return message.replace(/(?:; (?:there are|heads:)| \().*$/s, '');
}
