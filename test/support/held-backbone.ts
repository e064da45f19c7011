import type { EmbeddedBatch, Images } from '../../src/engine/index.js';
import { FakeBackbone } from './fake-backbone.js';

/** A fake backbone whose batches do not end while it is held; not held at first, so that warm-up passes. */
export class HeldBackbone extends FakeBackbone {
  private held: Promise<void> | undefined;
  private letGo = () => {};

  hold(): void {
    this.held = new Promise((resolve) => {
      this.letGo = resolve;
    });
  }

  release(): void {
    this.held = undefined;
    this.letGo();
  }

  override async embed(images: readonly Images[]): Promise<EmbeddedBatch> {
    const embedded = await super.embed(images);
    await this.held;
    return embedded;
  }
}
