import type { ImageSettings } from '../../../engine/index.js';

/** Options of `headwater demo`, as commander reads them. */
export interface DemoOptions {
  /** Real photos; undefined: the demo draws its images. */
  readonly data?: string;
  /** An own backbone; undefined: the one that comes with Headwater. */
  readonly model?: string;
  readonly images?: number;
  readonly rate: number;
  readonly seed: number;
  readonly stay?: true;
  readonly size?: number;
  readonly resize?: number;
  readonly channels?: 'rgb' | 'bgr';
  readonly scale?: number;
  readonly mean?: [number, number, number];
  readonly std?: [number, number, number];
}

/** The backbone that comes with Headwater. */
export const BUNDLED_MODEL = 'models/tiny_acdc90.onnx';

const BUNDLED_IMAGE: ImageSettings = {
  size: 96,
  resize: 110,
  channels: 'rgb',
  scale: 255,
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
};

/** What most networks trained on ImageNet want. */
const COMMON_IMAGE: Omit<ImageSettings, 'resize'> = { ...BUNDLED_IMAGE, size: 224 };

/** How images become the network's input: what is given, else what fits the bundled backbone or most others. */
export function imageSettings(options: DemoOptions): ImageSettings {
  const preset = options.model === undefined ? BUNDLED_IMAGE : COMMON_IMAGE;
  const size = options.size ?? preset.size;
  // The usual share: 256 for a crop of 224.
  const usual = size === BUNDLED_IMAGE.size ? BUNDLED_IMAGE.resize : Math.round((size * 256) / 224);
  return {
    size,
    resize: options.resize ?? usual,
    channels: options.channels ?? preset.channels,
    scale: options.scale ?? preset.scale,
    mean: options.mean ?? preset.mean,
    std: options.std ?? preset.std,
  };
}
