// `node dist/bench/write-networks.js FOLDER`: ResNet-50 as ONNX files, dense and with 90 % zeros, for the load test.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { denseResNet50, sparseResNet50 } from './networks/catalogue.js';
import { buildModel } from './onnx/write-model.js';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: node dist/bench/write-networks.js FOLDER');
  process.exitCode = 2;
} else {
  mkdirSync(folder, { recursive: true });
  const networks = { resnet50: denseResNet50, 'resnet50-90': () => sparseResNet50(0.9) };
  for (const [name, make] of Object.entries(networks)) {
    const file = join(folder, `${name}.onnx`);
    // Written beside it first: a file of this name is whole.
    writeFileSync(`${file}.${process.pid}`, buildModel(make()));
    renameSync(`${file}.${process.pid}`, file);
  }
}
