// The one schema: types, defaults, help and errors of every key come from here.
import { z } from 'zod';
import { choice, list, text } from '../fields.js';
import { backbone, batch, engine } from './backbones.js';
import { firstRepeated, head } from './heads.js';
import { labels, learn, snapshots, training } from './learning.js';
import { nats } from './nats.js';
import { repository } from './repository.js';
import { security } from './security.js';
import { images, limits, log, server } from './server.js';
import { tracing } from './tracing.js';

export { checkClassNames, DEFAULT_HEAD } from './heads.js';
export { type LearnerChoice, readLearnerChoice, servable } from './learner.js';

export const shape = z
  .strictObject({
    dataDir: text('a folder').default('./data').describe("relative to the configuration file's folder"),
    roles: list(choice(['serve', 'join', 'learn']), 'a list of roles: serve, join, learn')
      .min(1, { error: 'expected at least one role: serve, join, learn' })
      .default(['serve', 'join', 'learn'])
      .describe('what this process does'),
    server: server.prefault({}),
    security: security.prefault({}),
    batch: batch.prefault({}).describe('how requests are put together in front of a backbone'),
    images: images.prefault({}),
    nats: nats.prefault({}),
    labels: labels.prefault({}),
    learn: learn.prefault({}),
    snapshots: snapshots.prefault({}),
    training: training.prefault({}),
    engine: engine.prefault({}),
    limits: limits.prefault({}),
    repository: repository.prefault({}),
    log: log.prefault({}),
    tracing: tracing.prefault({}),
    backbones: list(backbone, 'a list of at most 16 backbones, each with at least name and model')
      .max(16, { error: 'expected at most 16 backbones' })
      .default([])
      .describe('the networks that are loaded'),
    heads: list(head, 'a list of heads, each with at least name and backbone')
      .default([])
      .describe('heads created at start if they do not exist'),
  })
  .superRefine((config, context) => {
    const taken = new Map<string, string>();
    const claim = (entry: { name: string }, path: (string | number)[], what: string) => {
      const owner = taken.get(entry.name);
      if (owner === undefined) taken.set(entry.name, what);
      else {
        const message = `the name "${entry.name}" is taken by ${owner}: heads and backbones share one space of model names`;
        context.addIssue({ code: 'custom', path: [...path, 'name'], message });
      }
    };
    config.backbones.forEach((entry, index) => {
      claim(entry, ['backbones', index], `backbones.${index}`);
    });
    config.heads.forEach((entry, index) => {
      claim(entry, ['heads', index], `heads.${index}`);
      if (!config.backbones.some((candidate) => candidate.name === entry.backbone)) {
        const known = config.backbones.map((candidate) => candidate.name).join(', ') || 'none';
        const message = `expected the name of a configured backbone (${known}), got "${entry.backbone}"`;
        context.addIssue({ code: 'custom', path: ['heads', index, 'backbone'], message });
      }
      if (entry.classes !== 'open') checkClasses(entry.classes, entry.maxClasses, index, context);
    });
    if (config.heads.length > config.limits.heads) {
      const message = `${config.heads.length} heads are declared, limits.heads is ${config.limits.heads}: raise it`;
      context.addIssue({ code: 'custom', path: ['heads'], message });
    }
    if (new Set(config.roles).size !== config.roles.length) {
      context.addIssue({ code: 'custom', path: ['roles'], message: 'a role is named twice: name each once' });
    }
  });

function checkClasses(
  classes: readonly string[],
  maxClasses: number,
  index: number,
  context: z.RefinementCtx<unknown>,
): void {
  const path = ['heads', index, 'classes'];
  const twice = firstRepeated(classes);
  if (twice !== undefined) {
    context.addIssue({ code: 'custom', path, message: `the class ${JSON.stringify(twice)} is listed twice` });
  }
  if (classes.length > maxClasses) {
    const message = `${classes.length} classes are listed, maxClasses is ${maxClasses}: raise it`;
    context.addIssue({ code: 'custom', path, message });
  }
}

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The configuration after checks and defaults. Durations are milliseconds, sizes bytes, paths absolute. Frozen. */
export type Config = DeepReadonly<z.output<typeof shape>>;
export type BackboneConfig = Config['backbones'][number];
export type HeadConfig = Config['heads'][number];
