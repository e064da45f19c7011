// Deadlines too far away for grpc-js.
import type { IncomingHttpHeaders } from 'node:http2';

/** Of those units that can add up to too much; the header has at most eight digits. */
const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000 };
/** As grpc-js looks for it. */
const TIMEOUT = /(\d{1,8})\s*([HMSmun])/;
/** 24 days: what a timer of Node takes, 2^31 - 1 ms, is a little more. */
const LONGEST_HOURS = 24 * 24;

/**
 * Shortens a `grpc-timeout` that no timer of Node can wait for: grpc-js (1.14) cuts such a number off to 32 bits, and would end the call
 * at once. Clients without a deadline of their own ask for so much: Triton's Python client for 27,000 hours.
 * @param headers of a call, before grpc-js sees them; changed in place.
 */
export function shortenTimeout(headers: IncomingHttpHeaders): void {
  const match = TIMEOUT.exec(String(headers['grpc-timeout'] ?? ''));
  if (match === null) return;
  const milliseconds = Number(match[1]) * (UNIT_MS[match[2]!] ?? 0);
  if (milliseconds > LONGEST_HOURS * UNIT_MS.H!) headers['grpc-timeout'] = `${LONGEST_HOURS}H`;
}
