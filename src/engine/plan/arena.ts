import type { Plan, Step, View } from '../../native/index.js';
import { lanes } from '../../native/index.js';
import { refuse } from '../graph/refusal.js';
import { mostAlive, placeBySize } from './place.js';

/** A piece of the arena. Where it lies is known when all steps are. */
export interface Region {
  readonly vectors: number;
}

/** A view whose offset counts from the start of its region. */
export interface Tiles extends View {
  readonly region: Region;
}

/** A plain tensor in a region of its own. */
export interface Plain {
  readonly region: Region;
}

/** Where things lie: what a step is written with. */
export interface Arena {
  view(tiles: Tiles): View;
  /** In floats. */
  plain(plain: Plain): number;
}

/** Steps whose regions have their places. */
export interface PlacedSteps extends Pick<Plan, 'steps' | 'arenaVectors'> {
  /** The most that is alive at one step: no arena could be smaller. */
  readonly aliveVectors: number;
  /** In floats. */
  readonly outputOffset: number;
}

/** A step as a function of where its regions lie. */
export type StepBuilder = (arena: Arena) => Step;

const bytesOfVector = 4 * lanes;
/** 2 GiB: more than any network of its users needs, and less than a hostile file asks for. */
const mostVectors = 2 ** 25;

export function plainRegion(floats: number): Plain {
  return { region: { vectors: Math.ceil(floats / lanes) } };
}

/** Some of the channels of a view. */
export function channelsOfTiles(tiles: Tiles, first: number, channels: number, step = 1): Tiles {
  const { offset, channelPitch } = tiles;
  return { ...tiles, offset: offset + first * channelPitch, channelPitch: channelPitch * step, channels };
}

/** The steps in order. Each is built twice: at first only to learn which regions it touches, so that these live exactly as long as needed. */
export class StepList {
  readonly #builders: StepBuilder[] = [];
  readonly #lifetimes = new Map<Region, { from: number; to: number }>();

  get length(): number {
    return this.#builders.length;
  }

  emit(build: StepBuilder): void {
    const position = this.#builders.length;
    const touch = (region: Region) => {
      const known = this.#lifetimes.get(region);
      if (known === undefined) this.#lifetimes.set(region, { from: position, to: position });
      else known.to = position;
      return 0;
    };
    build(arenaOf(touch));
    this.#builders.push(build);
  }

  /**
   * Places all regions: those that are alive at the same step never overlap, and `output` lives to the end.
   *
   * @throws Refusal when the arena would be too large
   */
  finish(output: Plain): PlacedSteps {
    const last = this.#lifetimes.get(output.region);
    if (last !== undefined) last.to = this.#builders.length;
    const alive = Array.from(this.#lifetimes, ([region, { from, to }]) => ({
      region,
      from,
      to,
      bytes: region.vectors * bytesOfVector,
    }));
    const placed = placeBySize(alive);
    const arenaVectors = placed.reduce((most, { offset, bytes }) => Math.max(most, offset + bytes), 0) / bytesOfVector;
    if (!(arenaVectors <= mostVectors))
      refuse(`one image needs more than ${(mostVectors * bytesOfVector) / 2 ** 30} GiB`);
    const offsets = new Map(placed.map(({ region, offset }) => [region, offset / bytesOfVector]));
    const arena = arenaOf((region) => offsets.get(region)!);
    return {
      steps: this.#builders.map((build) => build(arena)),
      arenaVectors,
      aliveVectors: mostAlive(alive) / bytesOfVector,
      outputOffset: arena.plain(output),
    };
  }
}

function arenaOf(offsetOf: (region: Region) => number): Arena {
  return {
    view: ({ region, offset, rowPitch, channelPitch, channels, rows, columns }) => ({
      offset: offsetOf(region) + offset,
      rowPitch,
      channelPitch,
      channels,
      rows,
      columns,
    }),
    plain: ({ region }) => offsetOf(region) * lanes,
  };
}
