// A digest of all that the addon is compiled from. binding.gyp bakes it into the addon; load.ts compares, so that an addon of older sources never
// runs a newer plan; the set-up asks whether to build. Plain JavaScript, for it is needed before anything is compiled.
'use strict';
const { createHash } = require('node:crypto');
const { readdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');

/** sha256 over platform, names and contents. The addon's interface does not change with the version of Node.js. */
exports.sourcesDigest = function sourcesDigest() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\0`);
  for (const folder of ['.', 'arithmetic', 'kernels']) {
    const names = readdirSync(join(__dirname, folder)).filter((name) => /\.(cpp|h|inl|gyp)$/.test(name));
    for (const name of names.sort()) {
      hash
        .update(`${name}\0`)
        .update(readFileSync(join(__dirname, folder, name)))
        .update('\0');
    }
  }
  return hash.digest('hex');
};

if (require.main === module) process.stdout.write(exports.sourcesDigest());
