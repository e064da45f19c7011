// The one schema: types, defaults, help and errors of every key come from here.
import { z } from 'zod';
import { DEFAULT_STREAM_BYTES, defaultLearnerOptions, parseNatsUrls, type StreamBytes } from '../../learner/index.js';
import { bytes, choice, className, duration, integer, list, name, real, text } from './fields.js';

const port = (what: string, preset: number) =>
  integer(0, 65535).default(preset).describe(`${what}; 0 takes any free port`);

const server = z.strictObject({
  host: text('an address to listen on, such as 127.0.0.1 or 0.0.0.0')
    .default('127.0.0.1')
    .describe('address that gRPC and HTTP listen on; 0.0.0.0 for all'),
  grpcPort: port('port of gRPC', 8001),
  httpPort: port('port of /metrics, /livez and /readyz', 8002),
  maxMessageBytes: bytes('64KiB', '2GiB').prefault('64MiB').describe('largest gRPC message that is received'),
  queueLimit: integer(1, 1_000_000)
    .default(512)
    .describe('images a backbone holds (being decoded or waiting); more are refused with RESOURCE_EXHAUSTED'),
  maxConcurrentRequests: integer(1, 1_000_000).default(4096).describe('inference requests in progress at once'),
  streamWindow: integer(1, 1024).default(16).describe('requests of one stream in progress before it is read on'),
  drainTimeout: duration('0ms', '10m').prefault('20s').describe('how long a stop waits for accepted requests'),
});

const batchSize = () => integer(1, 1024).describe('images that go through a backbone together, at most');
const batchWait = () =>
  duration('0ms', '1s').describe('how long an idle backbone waits for a batch to fill; 0ms: it starts at once');

const image = z
  .strictObject({
    size: integer(1, 4096).default(224).describe('height and width of the network input, in pixels'),
    resize: integer(1, 8192)
      .optional()
      .describe('length of the shorter side before the centre crop; default: size x 256 / 224'),
    channels: choice(['rgb', 'bgr']).default('rgb').describe('order of the channels'),
    scale: real(0, 65535, true).default(255).describe('pixel values are divided by this, then normalised'),
    mean: triple(real(-1000, 1000), 'mean').default([0.5, 0.5, 0.5]).describe('subtracted, one a channel'),
    std: triple(real(0, 1000, true), 'std')
      .default([0.5, 0.5, 0.5])
      .describe('divided by, one a channel'),
  })
  .transform((value) => ({ ...value, resize: value.resize ?? Math.round((value.size * 256) / 224) }))
  .refine((value) => value.resize >= value.size, {
    path: ['resize'],
    error: 'expected a number that is not below image.size: the crop would be larger than the photo',
  });

function triple(item: z.ZodNumber, what: string) {
  const error = `expected three numbers, one a channel, such as ${what}: [0.5, 0.5, 0.5]`;
  return z.tuple([item, item, item], { error });
}

const backbone = z.strictObject({
  name: name('a backbone name').describe('also a model name: requests can ask for its embeddings'),
  model: text('the path of an ONNX file').describe("ONNX file; relative to the configuration file's folder"),
  engine: choice(['auto', 'sparse', 'onnxruntime'])
    .default('auto')
    .describe('what runs it; auto: the faster one, timed at start'),
  threads: integer(0, 512)
    .default(0)
    .describe("threads that compute; 0: all cores, or as many as the container's CPU quota is worth"),
  output: text('the name of a tensor')
    .optional()
    .describe('tensor taken as the embedding; default: the first output, or what feeds it if that is class logits'),
  image: image.prefault({}).describe('how a photo becomes the input'),
  batch: z
    .strictObject({ size: batchSize().optional(), wait: batchWait().optional() })
    .prefault({})
    .describe('overrides `batch` for this backbone'),
});

const learner = z.strictObject({
  kind: choice(['sgd']).default(defaultLearnerOptions.kind).describe('the learning method'),
  rate: real(0, 1, true).default(defaultLearnerOptions.rate).describe('first learning rate'),
  momentum: real(0, 0.9999).default(defaultLearnerOptions.momentum).describe('share of the last step that is kept'),
  weightDecay: real(0, 0.9999).default(defaultLearnerOptions.weightDecay).describe('pull of the weights towards zero'),
  annealEvery: integer(1, 1_000_000_000)
    .default(defaultLearnerOptions.annealEvery)
    .describe('samples after which the rate is divided'),
  annealFactor: real(1, 1000).default(defaultLearnerOptions.annealFactor).describe('what the rate is divided by'),
  rateFloor: real(0, 1, true)
    .default(defaultLearnerOptions.rateFloor)
    .describe('the rate never falls below this fraction of the first'),
});

/** Classes that any head can have at most. */
const MAX_CLASSES = 100_000;

const head = z.strictObject({
  name: name('a head name').describe('also the model name that requests use'),
  backbone: name('the name of a backbone').describe('where its embeddings come from'),
  classes: z
    .union([z.literal('open'), z.array(className()).min(1)], {
      error: 'expected `open` or a list of class names, each of 1 to 128 characters without control characters',
    })
    .default('open')
    .describe('open: new labels become classes; or a fixed list'),
  maxClasses: integer(1, MAX_CLASSES).default(1000).describe('classes an open head can have'),
  learner: learner.prefault({}).describe('how it learns; fixed when the head is created'),
});

const labels = z
  .strictObject({
    window: duration('1s', '30d').prefault('24h').describe('how long a label can join an answer'),
    grace: duration('0ms', '1h').prefault('30s').describe('how long a label may precede the record of its answer'),
    dedupe: duration('1s', '3650d')
      .prefault('30d')
      .describe('how long ids are remembered, at least: training logs keep them all so far'),
    record: choice(['durable', 'async'])
      .default('durable')
      .describe('durable: an answer waits (50 ms at most) until its record is stored'),
    inFlight: integer(1, 10_000_000).default(10_000).describe('labels being stored at once by Feedback calls'),
  })
  .refine((value) => value.dedupe >= value.window, {
    path: ['dedupe'],
    error: 'expected a duration not below labels.window: a label could be counted twice',
  });

const streamLimit = (stream: keyof StreamBytes, what: string) =>
  bytes('1MiB', '1024TiB')
    .prefault(`${DEFAULT_STREAM_BYTES[stream] / 2 ** 20}MiB`)
    .describe(what);

/** What can't be parsed now would be retried for ever once the server runs. Credentials are never part of the message. */
function checkNatsUrls(url: string | readonly string[] | null, context: z.RefinementCtx<unknown>): void {
  if (url === null) return;
  try {
    parseNatsUrls(url, 'the value');
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
}

const nats = z.strictObject({
  url: z
    .union([z.null(), text('a URL'), z.array(text('a URL')).min(1)], {
      error: 'expected null (a nats-server of its own) or nats://host:4222, or a list of such URLs',
    })
    .superRefine(checkNatsUrls)
    .default(null)
    .describe('null: starts its own nats-server in dataDir; else nats://host:4222 (a list is allowed)'),
  replicas: integer(1, 5).default(1).describe('copies of each stream and bucket; 3 survives loss of power'),
  serverBinary: text('the path or name of nats-server')
    .nullable()
    .default(null)
    .describe('nats-server to start; null: the one on the PATH or in .tools'),
  streams: z
    .strictObject({
      labels: streamLimit('labels', 'labels not yet joined; full: new ones are refused'),
      served: streamLimit('served', 'served records; full: the oldest are dropped'),
      training: streamLimit('training', 'training logs; full: new samples are refused'),
      embed: streamLimit('embed', 'image labels on their way to an embedding; full: new ones are refused'),
      dead: streamLimit('dead', 'dead letters; full: the oldest are dropped'),
    })
    .prefault({})
    .describe('byte limit of each stream'),
});

export const shape = z
  .strictObject({
    dataDir: text('a folder').default('./data').describe("relative to the configuration file's folder"),
    roles: list(choice(['serve', 'join', 'learn']), 'a list of roles: serve, join, learn')
      .min(1, { error: 'expected at least one role: serve, join, learn' })
      .default(['serve', 'join', 'learn'])
      .describe('what this process does'),
    server: server.prefault({}),
    batch: z
      .strictObject({ size: batchSize().default(16), wait: batchWait().prefault('0ms') })
      .prefault({})
      .describe('how requests are put together in front of a backbone'),
    images: z
      .strictObject({
        maxBytes: bytes('1KiB', '1GiB').prefault('20MiB').describe('largest encoded image'),
        maxPixels: integer(1, 1_000_000_000).default(50_000_000).describe('largest image, in pixels'),
        decoders: integer(0, 256).default(0).describe('images decoded at once; 0: one a core'),
      })
      .prefault({}),
    nats: nats.prefault({}),
    labels: labels.prefault({}),
    snapshots: z
      .strictObject({
        everySamples: integer(1, 10_000_000).default(200).describe('samples after which a snapshot is written'),
        interval: duration('10ms', '1h').prefault('1s').describe('... or so long after a sample, whichever is first'),
        keep: integer(1, 1000).default(10).describe('versions of a head that can be served again'),
      })
      .prefault({}),
    engine: z
      .strictObject({
        isa: choice(['auto', 'avx512', 'avx2', 'neon', 'scalar'])
          .default('auto')
          .describe('instruction set of the sparse engine; HEADWATER_ISA too'),
      })
      .prefault({}),
    limits: z.strictObject({ heads: integer(1, 10_000).default(200).describe('heads that can exist') }).prefault({}),
    log: z
      .strictObject({
        level: choice(['trace', 'debug', 'info', 'warn', 'error']).default('info').describe('what is logged (stderr)'),
      })
      .prefault({}),
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

function firstRepeated(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((entry) => seen.size === seen.add(entry).size);
}

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The configuration after checks and defaults. Durations are milliseconds, sizes bytes, paths absolute. Frozen. */
export type Config = DeepReadonly<z.output<typeof shape>>;
export type BackboneConfig = Config['backbones'][number];
export type HeadConfig = Config['heads'][number];

/** What a head is made with when it is created while the server runs. */
export const DEFAULT_HEAD = Object.freeze({
  maxClasses: head.shape.maxClasses.parse(undefined),
  classLimit: MAX_CLASSES,
  learner: Object.freeze(learner.parse({})),
});

/** Class names in Unicode NFC; a sentence when one of them is not acceptable or listed twice. */
export function checkClassNames(names: readonly string[]): readonly string[] | string {
  const parsed = z.array(className()).safeParse(names);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return issue?.path.length === 0 ? issue.message : `entry ${String(issue?.path[0])}: ${issue?.message}`;
  }
  const twice = firstRepeated(parsed.data);
  return twice === undefined ? parsed.data : `${JSON.stringify(twice)} is listed twice`;
}
