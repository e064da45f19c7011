import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackboneOptions } from '../../src/engine/index.js';
import { loadBackbone } from '../../src/engine/index.js';
import { loadNative } from '../../src/native/index.js';
import { somePixels, tinyOptions } from '../unit/engine/fixtures.js';
import { assertClose, backboneContract } from './backbone-contract.js';

const native = loadNative();

async function loadSparse(options: BackboneOptions) {
  const warnings: string[] = [];
  const backbone = await loadBackbone({ ...options, engine: 'sparse' }, (line, level) => {
    if (level === 'warn') warnings.push(line);
  });
  assert.equal(backbone.info.engine, 'sparse', warnings.join('\n'));
  return backbone;
}

if (native.kind === 'absent') {
  test('backbone contract: sparse', { skip: native.reason }, () => {});
} else {
  // `auto` is the first of them.
  for (const isa of ['auto', ...native.isas.slice(1)] as const) {
    backboneContract(`sparse, ${isa}`, async (options) => {
      const backbone = await loadSparse({ ...options, isa });
      assert.equal(backbone.info.isa, isa === 'auto' ? native.isas[0] : isa);
      return backbone;
    });
  }

  test('the same backbone as with ONNX Runtime: identity, and embeddings to 1e-5', async () => {
    const sparse = await loadSparse(tinyOptions);
    const onnxruntime = await loadBackbone({ ...tinyOptions, engine: 'onnxruntime' }, () => {});
    assert.equal(sparse.identity, onnxruntime.identity);
    assert.equal(sparse.info.sparsity, onnxruntime.info.sparsity);
    const data = () => somePixels(3, tinyOptions.image.size, 11);
    const [own, reference] = await Promise.all(
      [sparse, onnxruntime].map((backbone) => backbone.embed([{ kind: 'pixels', count: 3, data: data() }])),
    );
    assertClose(own!.embeddings, reference!.embeddings, 'embedding');
    await Promise.all([sparse.close(), onnxruntime.close()]);
  });
}
