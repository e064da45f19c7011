import { isDeepStrictEqual } from 'node:util';
import type { HeadRequest, LearningObserver } from '../../learning.js';
import type { HeadStore } from '../../nats/stores/head-store.js';
import { LearnerError } from '../../types.js';
import type { HeadRegistry } from '../registry/head-registry.js';
import type { HeadCatalogue } from './head-catalogue.js';

/** What a head keeps from its creation on, whatever the configuration says later. */
const FIXED = ['backbone', 'classes', 'maxClasses', 'learner'] as const;

/** Creates the heads of the configuration that do not exist yet; tells where an existing one differs. */
export async function createDeclaredHeads(
  requests: readonly HeadRequest[],
  registry: HeadRegistry,
  catalogue: HeadCatalogue,
  store: HeadStore,
  log: LearningObserver['log'],
): Promise<void> {
  for (const request of requests) {
    const stored = await store.get(request.name, 'definition');
    if (!stored || stored.value.deleted) {
      await catalogue.create(request).then(
        () => {
          const fields = { event: 'head_created', head: request.name };
          log('info', `head '${request.name}': created, as the configuration declares it`, fields);
        },
        (error) => {
          // Another process declares the same head and was first.
          if (!(error instanceof LearnerError) || error.code !== 'head_exists') throw error;
        },
      );
      continue;
    }
    registry.take({ head: request.name, key: 'definition', stored, revision: stored.revision });
    for (const field of FIXED) {
      if (isDeepStrictEqual(stored.value[field], request[field])) continue;
      const rule = 'holds; delete the head and create it again to change it';
      log(
        'warn',
        `head '${request.name}': '${field}' differs from the configuration; what it was created with ${rule}`,
      );
    }
  }
}
