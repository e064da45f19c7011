import type { Random } from '../../data/random.js';

/** Half the side of the square that a pattern must cover, in pixels: a canvas of 128 turned by any angle fits in. */
export const REACH = 92;

/** Draws one class in `colour` around the origin, as SVG elements; the caller turns and clips them. */
export type Pattern = (random: Random, colour: () => string) => string;

/** A number in [low, high). */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

const round = (value: number): number => Math.round(value * 100) / 100;

function polygon(points: readonly (readonly [number, number])[], fill: string): string {
  return `<polygon points="${points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ')}" fill="${fill}"/>`;
}

function polyline(points: readonly (readonly [number, number])[], stroke: string, width: number): string {
  const list = points.map(([x, y]) => `${round(x)},${round(y)}`).join(' ');
  return `<polyline points="${list}" fill="none" stroke="${stroke}" stroke-width="${round(width)}"/>`;
}

function band(x: number, y: number, width: number, height: number, fill: string): string {
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" fill="${fill}"/>`;
}

/** Shapes strewn over the canvas: a grid whose cells are shifted, turned, scaled, and sometimes left empty. */
function strewn(random: Random, spacing: number, shape: (radius: number, angle: number) => string): string {
  const jitter = spacing * between(random, 0.05, 0.4);
  const size = between(random, 0.26, 0.46);
  const shapes: string[] = [];
  for (let y = -REACH; y <= REACH; y += spacing) {
    for (let x = -REACH; x <= REACH; x += spacing) {
      if (random() < 0.15) continue;
      const left = round(x + between(random, -jitter, jitter));
      const top = round(y + between(random, -jitter, jitter));
      const drawn = shape(spacing * size * between(random, 0.7, 1.3), random() * 2 * Math.PI);
      shapes.push(`<g transform="translate(${left} ${top})">${drawn}</g>`);
    }
  }
  return shapes.join('');
}

/** Corners of a regular polygon, or of a star when every second corner lies at `inner` times the radius. */
function corners(count: number, radius: number, angle: number, inner = 1): [number, number][] {
  return Array.from({ length: count }, (_, corner) => {
    const distance = corner % 2 === 0 ? radius : radius * inner;
    const turn = angle + (2 * Math.PI * corner) / count;
    return [distance * Math.cos(turn), distance * Math.sin(turn)];
  });
}

const stripes: Pattern = (random, colour) => {
  const period = between(random, 9, 30);
  const share = between(random, 0.3, 0.65);
  const bands: string[] = [];
  for (let x = -REACH; x < REACH; x += period) bands.push(band(x, -REACH, period * share, 2 * REACH, colour()));
  return bands.join('');
};

const checks: Pattern = (random, colour) => {
  const side = between(random, 8, 24);
  const cells: string[] = [];
  for (let row = 0, y = -REACH; y < REACH; y += side, row++) {
    for (let x = -REACH + (row % 2) * side; x < REACH; x += 2 * side) cells.push(band(x, y, side, side, colour()));
  }
  return cells.join('');
};

const grid: Pattern = (random, colour) => {
  const period = between(random, 13, 34);
  const width = period * between(random, 0.1, 0.22);
  const bands: string[] = [];
  for (let at = -REACH; at < REACH; at += period) {
    bands.push(band(at, -REACH, width, 2 * REACH, colour()), band(-REACH, at, 2 * REACH, width, colour()));
  }
  return bands.join('');
};

const zigzag: Pattern = (random, colour) => {
  const period = between(random, 14, 34);
  const height = period * between(random, 0.35, 0.9);
  const gap = height + between(random, 7, 18);
  const width = between(random, 3, 8);
  const lines: string[] = [];
  for (let y = -REACH - gap; y < REACH + gap; y += gap) {
    const points: [number, number][] = [];
    for (let step = 0, x = -REACH; x < REACH + period; x += period / 2, step++)
      points.push([x, y + (step % 2) * height]);
    lines.push(polyline(points, colour(), width));
  }
  return lines.join('');
};

const dots: Pattern = (random, colour) =>
  strewn(random, between(random, 12, 22), (radius) => `<circle r="${round(radius)}" fill="${colour()}"/>`);

const triangles: Pattern = (random, colour) =>
  strewn(random, between(random, 50, 70), (radius, angle) => polygon(corners(3, radius * 1.3, angle), colour()));

const stars: Pattern = (random, colour) => {
  const points = random() < 0.7 ? 10 : 12;
  const inner = between(random, 0.3, 0.42);
  return strewn(random, between(random, 26, 42), (radius, angle) =>
    polygon(corners(points, radius * 1.35, angle, inner), colour()),
  );
};

const rings: Pattern = (random, colour) => {
  const x = round(between(random, -30, 30));
  const y = round(between(random, -30, 30));
  const period = between(random, 9, 24);
  const width = round(period * between(random, 0.3, 0.6));
  const circles: string[] = [];
  for (let radius = between(random, 0.3, 1) * period; radius < 1.5 * REACH; radius += period) {
    circles.push(
      `<circle cx="${x}" cy="${y}" r="${round(radius)}" fill="none" stroke="${colour()}" stroke-width="${width}"/>`,
    );
  }
  return circles.join('');
};

const rays: Pattern = (random, colour) => {
  const [x, y] = [between(random, -20, 20), between(random, -20, 20)];
  const count = Math.round(between(random, 9, 22));
  const share = between(random, 0.35, 0.65);
  const turn = (2 * Math.PI) / count;
  return Array.from({ length: count }, (_, ray) => {
    const edges = [ray * turn, (ray + share) * turn].map((angle): [number, number] => [
      x + 2 * REACH * Math.cos(angle),
      y + 2 * REACH * Math.sin(angle),
    ]);
    return polygon([[x, y], ...edges], colour());
  }).join('');
};

const clouds: Pattern = (random, colour) => {
  const softness = round(between(random, 4, 9));
  const blobs = Array.from({ length: 26 }, () => {
    const radius = round(between(random, 8, 30));
    const [x, y] = [round(between(random, -REACH, REACH)), round(between(random, -REACH, REACH))];
    return `<circle cx="${x}" cy="${y}" r="${radius}" fill="${colour()}" fill-opacity="${round(between(random, 0.3, 0.8))}"/>`;
  });
  const blur = `<filter id="soft"><feGaussianBlur stdDeviation="${softness}"/></filter>`;
  return `${blur}<g filter="url(#soft)">${blobs.join('')}</g>`;
};

/** The classes of the demo's drawings, by name. */
export const patterns: Readonly<Record<string, Pattern>> = {
  checks,
  clouds,
  dots,
  grid,
  rays,
  rings,
  stars,
  stripes,
  triangles,
  zigzag,
};
