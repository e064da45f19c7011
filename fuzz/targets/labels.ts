// Labels as the joiner sees them: subject, headers and payload of a message, and the ids and class names in them.
import { parseLabelMessage } from '../../src/learner/labels/label-message.js';
import { checkClassName, checkRequestId } from '../../src/learner/names.js';
import { mutateBytes } from '../mutate/bytes.js';
import { mutateJson } from '../mutate/json.js';
import type { FuzzTarget } from '../target.js';

interface Message {
  subject: string;
  headers: Record<string, string>;
  /** base64 */
  data: string;
}

const message = (subject: string, headers: Record<string, string>, data: string | Uint8Array): Message => ({
  ...{ subject, headers, data: Buffer.from(data).toString('base64') },
});

const SEEDS: readonly Message[] = [
  message('headwater.label.pets', {}, '{"id":"a/1","label":"cat"}'),
  message('headwater.label.pets', {}, '{"id":"0193","embedding":[0.5,1,-2e3],"label":"Kätzchen"}'),
  message('headwater.label.pets', {}, '{"embedding":[1],"label":"dog"}'),
  message(
    'headwater.label.pets',
    { 'Headwater-Label': 'cat', 'Headwater-Id': 'x' },
    Buffer.from([0xff, 0xd8, 0xff, 1, 2]),
  ),
];

export const labels: FuzzTarget = {
  name: 'labels',
  seeds: async () => SEEDS.map((seed) => Buffer.from(JSON.stringify(seed))),
  mutate(random, seeds) {
    const seed = JSON.parse(Buffer.from(random.pick(seeds)).toString()) as Message;
    const data = Buffer.from(seed.data, 'base64');
    const headers: Record<string, string> = { ...seed.headers };
    for (const name of Object.keys(headers)) {
      if (random.chance(0.4)) headers[name] = Buffer.from(mutateBytes(random, Buffer.from(headers[name]!))).toString();
    }
    if (random.chance(0.1)) headers['Headwater-Label'] = '';
    const subject = random.chance(0.1)
      ? Buffer.from(mutateBytes(random, Buffer.from(seed.subject))).toString()
      : seed.subject;
    const payload = random.chance(0.7) ? Buffer.from(mutateJson(random, data.toString())) : mutateBytes(random, data);
    return Buffer.from(JSON.stringify(message(subject, headers, payload)));
  },
  open: async () => ({
    run(input) {
      const { subject, headers, data } = JSON.parse(Buffer.from(input).toString()) as Message;
      const parsed = parseLabelMessage(subject, (name) => headers[name], Buffer.from(data, 'base64'));
      if (parsed.form === 'unusable') {
        if (parsed.detail.length > 500) throw new Error(`a reason of ${parsed.detail.length} characters`);
        return;
      }
      // What is taken holds what everybody behind it relies on.
      const name = checkClassName(parsed.label);
      if (!name.ok || name.value !== parsed.label)
        throw new Error(`the label ${JSON.stringify(parsed.label)} was taken`);
      if (parsed.id !== '' && !checkRequestId(parsed.id).ok)
        throw new Error(`the id ${JSON.stringify(parsed.id)} was taken`);
      if (parsed.form === 'embedding' && !parsed.embedding.every(Number.isFinite))
        throw new Error('not finite, and taken');
    },
    close: async () => {},
  }),
};
