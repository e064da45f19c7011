import sharp from 'sharp';
import { mixSeeds, type Random, seededRandom } from '../../data/random.js';
import { between, type Pattern, patterns } from './patterns.js';

/** Side of a drawing, in pixels. */
const SIDE = 128;

/** Names of the classes that the demo draws, in byte order. */
export const drawnClasses: readonly string[] = Object.keys(patterns).sort();

/**
 * Draws one image of a class: a texture or shapes in random colours, scale and rotation, under things that are not part
 * of the class (uneven light, objects in the way, blur, noise, JPEG of any quality). The same arguments give the same image.
 *
 * @returns JPEG bytes.
 * @throws RangeError when the class is not one of `drawnClasses`.
 */
export async function drawImage(className: string, index: number, seed: number): Promise<Buffer> {
  const pattern = patterns[className];
  if (pattern === undefined) throw new RangeError(`No pattern "${className}"; there are ${drawnClasses.join(', ')}.`);
  const random = seededRandom(mixSeeds(seed, drawnClasses.indexOf(className), index));
  const svg = drawSvg(pattern, random);
  const blur = random() < 0.4 ? between(random, 0.4, 1.4) : 0;
  const image = sharp(Buffer.from(svg)).flatten().removeAlpha();
  if (blur > 0) image.blur(blur);
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  addNoise(data, between(random, 4, 14), random);
  return sharp(data, { raw: { width: info.width, height: info.height, channels: 3 } })
    .jpeg({ quality: Math.round(between(random, 35, 95)) })
    .toBuffer();
}

/** The drawing without blur and noise. */
export function drawSvg(pattern: Pattern, random: Random): string {
  const { background, foreground } = palette(random);
  const turn = Math.round(between(random, -30, 30));
  const scale = Math.round(between(random, 80, 140)) / 100;
  // Scaled down, the pattern must still reach the corners: it is drawn in its own size, then tiled by the caller's scale.
  const zoom = Math.max(scale, 1);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${SIDE}" height="${SIDE}">`,
    `<defs><linearGradient id="ground" gradientTransform="rotate(${Math.round(between(random, 0, 90))})">`,
    `<stop offset="0" stop-color="${background()}"/><stop offset="1" stop-color="${background()}"/></linearGradient></defs>`,
    `<rect width="${SIDE}" height="${SIDE}" fill="url(#ground)"/>`,
    `<g transform="translate(${SIDE / 2} ${SIDE / 2}) rotate(${turn}) scale(${zoom})">${pattern(random, foreground)}</g>`,
    distractors(random),
    '</svg>',
  ].join('');
}

/** Colours of ground and pattern: near in hue for each, apart from each other by a contrast that is sometimes small. */
function palette(random: Random): { background: () => string; foreground: () => string } {
  const hue = random() * 360;
  const light = between(random, 15, 85);
  const contrast = between(random, 30, 60);
  const patternLight = light > 50 ? light - contrast : light + contrast;
  const patternHue = hue + between(random, 20, 180);
  const spread = between(random, 0, 14);
  const colour = (baseHue: number, baseLight: number) => () => {
    const shade = Math.min(96, Math.max(4, baseLight + between(random, -spread, spread)));
    const saturation = Math.round(between(random, 25, 90));
    return `hsl(${Math.round(baseHue + between(random, -spread, spread))}, ${saturation}%, ${Math.round(shade)}%)`;
  };
  return { background: colour(hue, light), foreground: colour(patternHue, patternLight) };
}

/** Things in the way: none to four bars, discs or boxes of any colour, half transparent. */
function distractors(random: Random): string {
  return Array.from({ length: Math.floor(random() * 3) }, () => {
    const fill = `hsl(${Math.round(random() * 360)}, 60%, ${Math.round(between(random, 15, 85))}%)`;
    const [x, y] = [Math.round(random() * SIDE), Math.round(random() * SIDE)];
    const [width, height] = [Math.round(between(random, 6, 60)), Math.round(between(random, 6, 60))];
    const style = `fill="${fill}" fill-opacity="${Math.round(between(random, 30, 70)) / 100}"`;
    const turn = `transform="rotate(${Math.round(random() * 180)} ${x} ${y})"`;
    return random() < 0.5
      ? `<rect x="${x}" y="${y}" width="${width}" height="${height}" ${turn} ${style}/>`
      : `<ellipse cx="${x}" cy="${y}" rx="${width / 2}" ry="${height / 2}" ${turn} ${style}/>`;
  }).join('');
}

/** Adds noise to RGB bytes in place: near Gaussian (the sum of three uniform numbers), grey or in colour. */
function addNoise(pixels: Buffer, deviation: number, random: Random): void {
  if (deviation === 0) return;
  const grey = random() < 0.5;
  let value = 0;
  for (let at = 0; at < pixels.length; at++) {
    if (!grey || at % 3 === 0) value = (random() + random() + random() - 1.5) * 2 * deviation;
    pixels[at] = Math.min(255, Math.max(0, (pixels[at] ?? 0) + value));
  }
}
