import type { FuzzTarget } from '../target.js';
import { config } from './config.js';
import { http2 } from './http2.js';
import { images } from './images.js';
import { labels } from './labels.js';
import { onnx } from './onnx.js';
import { snapshots } from './snapshots.js';
import { wire } from './wire.js';

/** All that takes bytes of strangers, by name. */
export const TARGETS: Readonly<Record<string, FuzzTarget>> = Object.fromEntries(
  [wire, http2, onnx, images, snapshots, labels, config].map((target) => [target.name, target]),
);
