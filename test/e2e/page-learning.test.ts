// The live page of a real server that learns: what it shows follows the labels, and the engine's layers are measured from it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { drawnImages } from '../../src/server/commands/demo/drawn-images.js';
import { closeBrowser, noBrowser, openPage } from '../support/browser.js';
import { natsMissing } from '../support/nats.js';
import { ROOT } from '../support/repository.js';
import { startServer } from '../support/server-process.js';
import { temporaryFolder } from '../support/test-learning.js';
import { until } from '../support/until.js';

const IMAGES = 90;
const skip = noBrowser || natsMissing();
after(closeBrowser);

test('while labels flow the page follows, and shows the layers of the engine', {
  skip,
  timeout: 400_000,
}, async (t) => {
  const folder = temporaryFolder(t);
  for (const image of drawnImages(IMAGES, 1).fed) {
    mkdirSync(dirname(join(folder, image.path)), { recursive: true });
    writeFileSync(join(folder, image.path), await image.read());
  }
  const server = await startServer(t);
  const { page, problems } = await openPage(t, `${server.http}/`);
  await page.getByRole('heading', { name: 'pets', exact: true }).waitFor();
  await page.getByText('No class was judged yet').waitFor();

  const feed = ['feed', '--data', folder, '--head', 'pets', '--server', server.grpc, '--rate', '30', '--shuffle', '1'];
  const child = spawn(process.execPath, [join(ROOT, 'bin/headwater.js'), ...feed], { stdio: 'ignore' });
  t.after(() => child.kill());
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const learned = async () =>
    Number(/([\d,]+) labels/.exec(String(await page.locator('#head-list').textContent()))?.[1]);
  const seen = new Set<number>();
  await until(
    'all labels are shown',
    async () => {
      const count = await learned();
      seen.add(count);
      return count === IMAGES;
    },
    { timeoutMs: 180_000, state: () => [...seen] },
  );
  assert.equal(await ended, 0);
  assert.ok(seen.size > 2, `it was shown on the way: ${[...seen]}`);
  await page
    .locator('#head-list')
    .getByText(/^\d+\.\d %$/)
    .waitFor();
  await page.getByRole('region', { name: /Recall by class/ }).waitFor();
  await page.getByRole('img', { name: /Served \d+\.\d %, prequential \d+\.\d %/ }).waitFor();
  await page.getByRole('img', { name: /Latency.*in the median/ }).waitFor();

  // Who opens it later sees the past at once.
  const second = await openPage(t, `${server.http}/`);
  await second.page.getByRole('img', { name: /Served \d+\.\d %, prequential \d+\.\d %/ }).waitFor();
  assert.deepEqual(second.problems, []);
  const answer = await fetch(`${server.http}/api/v1/heads/pets`);
  const { history } = (await answer.json()) as { history: { columns: string[]; rows: number[][] } };
  const samples = history.rows.map((row) => row[1 + history.columns.indexOf('samples')]!);
  assert.ok(samples[0]! < IMAGES && samples.at(-1) === IMAGES, `${samples}`);

  const button = page.getByRole('button', { name: 'Measure the layers' });
  await until('the layers are there', async () => {
    if (await button.isEnabled().catch(() => false)) await button.click().catch(() => {});
    return (await page.getByRole('region', { name: 'Layers' }).locator('tbody tr').count()) > 10;
  });
  assert.deepEqual(
    problems.filter((problem) => !problem.includes('429')),
    [],
    'a browser notes the 429 of a busy engine',
  );
});
