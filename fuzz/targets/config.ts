// Configuration files.
import { parseConfig } from '../../src/server/config/index.js';
import { mutateBytes } from '../mutate/bytes.js';
import { mutateJson } from '../mutate/json.js';
import type { FuzzTarget } from '../target.js';

const YAML = `
dataDir: ./data
roles: [serve, join]
server: { host: 127.0.0.1, grpcPort: 8001, maxMessageBytes: 64MiB }
labels: { window: 24h }
backbones:
  - &a { name: tiny, model: tiny.onnx, image: { size: 96, mean: [0.5, 0.5, 0.5] } }
heads:
  - name: pets
    backbone: tiny
    classes: [cat, "dog"]
`;
const JSON_TEXT = JSON.stringify({
  server: { grpcPort: 1, queueLimit: 5 },
  images: { maxBytes: '1MiB', decoders: 2 },
  backbones: [{ name: 'a', model: 'a.onnx', threads: 1, batch: { size: 2, wait: '1ms' } }],
  heads: [{ name: 'h', backbone: 'a', maxClasses: 5, learner: {} }],
});

export const config: FuzzTarget = {
  name: 'config',
  seeds: async () => [Buffer.from(YAML), Buffer.from(JSON_TEXT)],
  mutate(random, seeds) {
    const seed = Buffer.from(random.pick(seeds));
    // JSON is YAML too.
    return random.chance(0.6) ? Buffer.from(mutateJson(random, seed.toString())) : mutateBytes(random, seed, seeds);
  },
  open: async () => ({
    run(input) {
      parseConfig(Buffer.from(input).toString(), { baseDir: '/nowhere', env: {}, set: [] });
    },
    close: async () => {},
  }),
};
