import { loadBackbone } from '../../src/engine/index.js';
import { backboneContract } from './backbone-contract.js';

backboneContract('onnxruntime', (options) => loadBackbone({ ...options, engine: 'onnxruntime' }, () => {}));
