import { Counter, Gauge, type Registry } from 'prom-client';
import type { Security } from '../security/security.js';

/** Present from the start, so that a rate over them is never "no data". */
const REASONS = [
  'no_credentials',
  'bad_header',
  'unknown_token',
  'unknown_certificate',
  'permission_denied',
  'tls_handshake',
];

/** Series of who was refused, and of when certificates expire. */
export function addSecurityMetrics(registry: Registry, { failures, tls }: Pick<Security, 'failures' | 'tls'>): void {
  new Counter({
    name: 'headwater_refused_credentials_total',
    help: 'Calls and HTTP requests refused for their credentials, by reason',
    labelNames: ['reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const reason of REASONS) this.inc({ reason }, 0);
      for (const [reason, count] of failures.totals) this.inc({ reason }, count);
    },
  });
  if (tls === undefined) return;
  new Gauge({
    name: 'headwater_certificate_expiry_seconds',
    help: 'Seconds until the certificate in use expires; negative once it has',
    labelNames: ['certificate'],
    registers: [registry],
    collect() {
      this.reset();
      const now = Date.now();
      for (const [certificate, expiresMs] of Object.entries(tls.expiries)) {
        this.set({ certificate }, Math.round((expiresMs - now) / 1000));
      }
    },
  });
}
