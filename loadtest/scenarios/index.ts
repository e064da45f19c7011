import { batchClients } from './batch-clients.js';
import { burst } from './burst.js';
import { mixed } from './mixed.js';
import { overload } from './overload.js';
import { ramp } from './ramp.js';
import type { Scenario } from './scenario.js';
import { slowClients } from './slow-clients.js';
import { soak } from './soak.js';
import { steady } from './steady.js';

/** All of them, in the order of `--all`. */
export const scenarios: readonly Scenario[] = [steady, ramp, overload, burst, mixed, slowClients, batchClients, soak];
