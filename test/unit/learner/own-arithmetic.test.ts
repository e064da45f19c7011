import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from '../../support/repository.js';

// Powers of two by a literal are exact everywhere.
// IEEE 754 and ECMAScript fix these to the last bit; all other functions of Math may differ between engines, and a head's state may not.
const exact = 'abs|ceil|floor|fround|imul|clz32|max|min|round|sign|sqrt|trunc';
const inexact = new RegExp(
  `Math\\s*(?:\\.(?!(?:${exact})\\b)|\\[)|(?<!\\b2 )\\*\\*|\\*\\*(?! \\d)|=\\s*Math\\b(?!\\.)|Math\\.random|Date\\.now|localeCompare`,
);

test('no function whose last bit differs between engines is used where a state is computed', () => {
  let files = 0;
  for (const folder of ['head', 'fold', 'learners', 'arithmetic']) {
    const path = join(ROOT, 'src/learner', folder);
    for (const name of readdirSync(path, { recursive: true, encoding: 'utf8' })) {
      if (!name.endsWith('.ts')) continue;
      files += 1;
      readFileSync(join(path, name), 'utf8')
        .split('\n')
        .forEach((line, i) => {
          const code = line.replace(/\/\/.*|^\s*\/?\*.*/, '');
          assert.doesNotMatch(code, inexact, `src/learner/${folder}/${name}:${i + 1}`);
        });
    }
  }
  assert.ok(files > 40, `${files} files`);
});

test('the rule finds what it should', () => {
  for (const bad of [
    'Math.exp(x)',
    'Math.log2(8)',
    'Math . pow(2, 3)',
    'x ** y',
    '2 ** i',
    '10 ** 2',
    "Math['exp'](x)",
    'const m = Math;',
  ]) {
    assert.match(bad, inexact, bad);
  }
  for (const good of ['Math.sqrt(x)', '2 ** 32', 'Math.max(...x)', 'a * b', 'Math.floor(x)'])
    assert.doesNotMatch(good, inexact, good);
});
