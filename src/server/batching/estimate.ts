/** How fast a backbone is, learned from its batches: what deadlines and retry delays are judged by. */
export class SpeedEstimate {
  private msPerImage: number | undefined;

  observe(images: number, computeMs: number): void {
    const sample = computeMs / images;
    this.msPerImage = this.msPerImage === undefined ? sample : 0.8 * this.msPerImage + 0.2 * sample;
  }

  /** Milliseconds that so many images take; 0 as long as nothing is known. */
  forImages(images: number): number {
    return images * (this.msPerImage ?? 0);
  }
}
