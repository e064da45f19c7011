// How fast a backbone is, learned from its batches: what deadlines, retry delays and hand-overs are judged by. No clock in here.

/** How much of what was known stays when a batch is added: about the last 20 count. */
const MEMORY = 0.95;
/** A batch counts as off by this many usual deviations at most (Huber's clipping): one stall does not make the backbone slow. */
const MOST_DEVIATIONS = 3;
/** The usual deviation is never taken to be less than this part of a batch's time. */
const LEAST_DEVIATION = 0.05;
/** So many batches one after the other that are faster than foretold by this part of it are no chance: what was slow is over. */
const FASTER_BATCHES = 4;
const FASTER = 0.25;
/** Of what was known when that is found: new batches soon count more than the shape of the line before. */
const KEPT_WEIGHT = 2;
/** Images^2: as long as batches are equally large, the time is taken to be in proportion to the images. */
const PROPORTIONAL_PRIOR = 0.1;

/**
 * A batch of n images takes `batchMs + n * imageMs`: an exponentially forgetting least-squares line through (images, time)
 * with clipped residuals. Where sizes do not differ it shrinks towards the line through the origin; neither part is ever negative.
 * Slowness is believed slowly and forgotten fast: an estimate that is too high refuses the very requests that would correct it.
 */
export class SpeedEstimate {
  private weight = 0;
  private meanImages = 0;
  private meanMs = 0;
  private variance = 0;
  private covariance = 0;
  private batches = 0;
  private deviation = 0;
  /** Taken to foretold time of the last batches, as long as all of them were faster. */
  private faster: number[] = [];
  /** Time of a batch, whatever is in it. 0 as long as nothing is known. */
  batchMs = 0;
  /** Time of each image. 0 as long as nothing is known. */
  imageMs = 0;

  get known(): boolean {
    return this.batches > 0;
  }

  /** Mean absolute error of what was foretold, as a part of it; 0 to 1. */
  get relativeDeviation(): number {
    return Math.min(1, Math.max(LEAST_DEVIATION, this.deviation));
  }

  /** A batch of so many images took so long. */
  observe(images: number, ms: number): void {
    if (images < 1 || !(ms >= 0) || ms === Number.POSITIVE_INFINITY) return;
    const told = this.batches < 2 ? ms : this.clip(images, ms);
    this.batches++;
    // A first batch pays for cold caches and lazy set-up: it is forgotten with the second.
    this.add(images, told, this.batches === 2 ? 0 : MEMORY);
    this.fit();
  }

  /** Milliseconds that one batch of so many images takes; 0 as long as nothing is known. */
  ofBatch(images: number): number {
    return images > 0 ? this.batchMs + images * this.imageMs : 0;
  }

  /** Milliseconds that so many images take, in batches of `size`; 0 as long as nothing is known. */
  ofImages(images: number, size: number): number {
    return Math.ceil(images / size) * this.batchMs + images * this.imageMs;
  }

  private clip(images: number, ms: number): number {
    const expected = this.ofBatch(images);
    if (expected <= 0) return ms;
    const error = (ms - expected) / expected;
    if (this.isFaster(error)) return ms;
    const most = MOST_DEVIATIONS * this.relativeDeviation;
    // Of a lasting change the deviation grows, and with it what is believed.
    this.deviation += 0.1 * (Math.min(1, Math.abs(error)) - this.deviation);
    return expected * (1 + Math.max(-most, Math.min(most, error)));
  }

  /** Whether the engine has become faster for good; then the line has been lowered to it. */
  private isFaster(error: number): boolean {
    if (error > -FASTER) {
      this.faster = [];
      return false;
    }
    this.faster.push(1 + error);
    if (this.faster.length < FASTER_BATCHES) return false;
    // The slowest of them: lowering it further is left to the next ones. Both parts of the line go down alike.
    const ratio = Math.max(...this.faster);
    this.faster = [];
    this.meanMs *= ratio;
    this.covariance *= ratio;
    this.weight = Math.min(this.weight, KEPT_WEIGHT);
    this.deviation = 0;
    return true;
  }

  /** West's update of weighted mean, variance and covariance (1979), with forgetting. */
  private add(images: number, ms: number, kept: number): void {
    const old = this.weight * kept;
    this.weight = old + 1;
    const part = 1 / this.weight;
    const dImages = images - this.meanImages;
    const dMs = ms - this.meanMs;
    this.meanImages += part * dImages;
    this.meanMs += part * dMs;
    this.variance = (1 - part) * (this.variance + part * dImages * dImages);
    this.covariance = (1 - part) * (this.covariance + part * dImages * dMs);
  }

  private fit(): void {
    const proportional = this.meanMs / this.meanImages;
    const slope = (this.covariance + PROPORTIONAL_PRIOR * proportional) / (this.variance + PROPORTIONAL_PRIOR);
    this.imageMs = Math.max(0, Math.min(slope, proportional));
    this.batchMs = Math.max(0, this.meanMs - this.imageMs * this.meanImages);
  }
}
