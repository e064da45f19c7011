import { isIP } from 'node:net';

/** Whether only this machine reaches a host: an address, or `localhost`. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[|\]$/g, '').toLowerCase();
  if (plain === 'localhost' || plain === '::1') return true;
  return isIP(plain) === 4 ? plain.startsWith('127.') : /^::ffff:127\./.test(plain);
}
