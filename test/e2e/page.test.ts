// The live page in a real browser: what it shows, what can be done on it, and that what strangers name stays text.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import type { BrowserContextOptions } from 'playwright-core';
import sharp from 'sharp';
import type { Scope } from '../../src/server/security/caller.js';
import { createToken, hashToken } from '../../src/server/security/token.js';
import { closeBrowser, noBrowser, openPage, type WatchedPage } from '../support/browser.js';
import { hostileTexts } from '../support/hostile-text.js';
import { temporaryFolder } from '../support/test-learning.js';
import { PETS, startTestServer, type TestServer } from '../support/test-server.js';
import { until } from '../support/until.js';

const options = { skip: noBrowser, timeout: 240_000 };
after(closeBrowser);

async function start(t: TestContext, set: readonly string[] = []): Promise<TestServer & { readonly url: string }> {
  const server = await startTestServer({ set });
  t.after(() => server.close());
  server.learning.heads.teach('pets', PETS);
  server.learning.heads.teach('pets', PETS);
  return { ...server, url: `http://127.0.0.1:${server.running.httpPort}/` };
}

/** A page that has asked for the first time. */
async function open(t: TestContext, url: string, context: BrowserContextOptions = {}): Promise<WatchedPage> {
  const opened = await openPage(t, url, context);
  await opened.page.getByRole('heading', { name: 'pets', exact: true }).waitFor();
  return opened;
}

function issue(name: string, scopes: readonly Scope[], heads: readonly string[]) {
  const token = createToken();
  return { token, line: { name, hash: hashToken(token), scopes, heads } };
}

const operator = issue('operator', ['infer', 'label', 'admin'], ['*']);
const camera = issue('camera', ['infer'], ['pets']);

async function startWithTokens(t: TestContext) {
  const file = join(temporaryFolder(t), 'tokens.yaml');
  writeFileSync(file, JSON.stringify([operator, camera].map(({ line }) => line)));
  return start(t, [`security.tokensFile=${file}`]);
}

const photo = () =>
  sharp({ create: { width: 64, height: 48, channels: 3, background: '#306090' } })
    .jpeg()
    .toBuffer();

test(
  'it shows heads, accuracy, classes, confusions, learners, versions, traffic and the engine',
  options,
  async (t) => {
    const server = await start(t);
    const { page, problems } = await open(t, server.url);
    await page.locator('#backbones article').waitFor();
    const text = (await page.locator('main').textContent())?.replaceAll(/\s+/g, ' ') ?? '';
    for (const shown of [
      'Served75.0 %',
      'drift: warning',
      'cat',
      'dog',
      'blend',
      'slda',
      'Requests',
      'Median',
      'Queue',
    ]) {
      assert.ok(text.includes(shown), `${shown} in: ${text}`);
    }
    for (const name of ['Recall by class', 'Most confused', 'Learners that compete', 'Versions that can serve']) {
      assert.ok(await page.getByRole('region', { name }).first().isVisible(), name);
    }
    await page.getByRole('img', { name: /Accuracy of pets. Served/ }).waitFor();
    const drawn = await page.locator('#head canvas').evaluate((canvas) => {
      const { width, height } = canvas as unknown as { width: number; height: number };
      return width > 300 && height > 100;
    });
    assert.ok(drawn, 'the chart has a size');
    await page.getByText('onnxruntime (scalar, 1 thread)').waitFor();
    assert.deepEqual(problems, []);
  },
);

test('it follows what happens: labels, versions, requests', options, async (t) => {
  const server = await start(t);
  const { page, problems } = await open(t, server.url);
  await page
    .getByText('Labels learned 20')
    .waitFor()
    .catch(() => {});
  server.learning.heads.teach('pets', PETS);
  server.learning.heads.need('pets').statistics = { servedAccuracy: [{ window: 1000, count: 1000, accuracy: 0.9125 }] };
  await page.locator('#head-list').getByText('91.3 %').waitFor();
  await page.locator('#head').getByText('91.3 % of the last 1,000').waitFor();
  await page.locator('#head-list').getByText('v3').waitFor();
  assert.deepEqual(problems, []);
});

test('hostile names stay text, wherever they are shown', options, async (t) => {
  const server = await start(t);
  const names = [...Object.values(hostileTexts).map((text) => text.slice(0, 128)), '<img src=x onerror=alert(2)>'];
  const head = server.learning.heads.need('pets');
  const hostile = '"><img src=x onerror=alert(1)><script>alert(1)</script>';
  server.learning.heads.teach('pets', { ...PETS, classes: [hostile, '<svg onload=alert(3)>', '\u202eevil'] });
  head.state = hostile;
  head.statistics = {
    classes: names.map((name) => ({ name, samples: 5, recent: 4, recall: 0.5 })),
    confusions: names.slice(0, 20).map((label) => ({ label, predicted: hostile, count: 3 })),
    promotions: [{ from: 'sgd', to: 'blend', sequence: 8, samples: 7, reason: hostile }],
  };
  const { page, problems } = await open(t, server.url);
  await page.getByRole('button', { name: /^All / }).click();
  await page.getByRole('cell', { name: '<img src=x onerror=alert(2)>' }).first().waitFor();
  head.state = 'ready';
  await page.getByText('ready', { exact: true }).first().waitFor();
  await page.setInputFiles('#image', { name: `${hostile}.jpg`, mimeType: 'image/jpeg', buffer: await photo() });
  await page.locator('#classes').getByText(hostile).waitFor();
  const found = await page.evaluate(() => {
    const { document } = globalThis as unknown as {
      document: { querySelectorAll(what: string): ArrayLike<{ outerHTML: string }>; body: { textContent: string } };
    };
    const bad = document.querySelectorAll('main script, main svg, img[src="x"], [onerror], [onload], [onmouseover]');
    return { bad: Array.from(bad, ({ outerHTML }) => outerHTML), text: document.body.textContent };
  });
  assert.deepEqual(found.bad, []);
  assert.match(found.text, /\\u\{202e\}evil/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
  assert.doesNotMatch(found.text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  assert.deepEqual(problems, []);
});

test('an image is dropped, classified, and taught', options, async (t) => {
  const server = await start(t);
  const { page, problems } = await open(t, server.url);
  const bytes = [...(await photo())];
  const data = await page.evaluateHandle((content) => {
    const { DataTransfer, File } = globalThis as unknown as {
      DataTransfer: new () => { items: { add(file: object): void } };
      File: new (parts: object[], name: string, options: object) => object;
    };
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(content)], 'a.jpg', { type: 'image/jpeg' }));
    return transfer;
  }, bytes);
  await page.locator('#drop').dispatchEvent('drop', { dataTransfer: data });
  await page.locator('#classes li').first().waitFor();
  assert.equal(await page.locator('#classes li').count(), 3);
  await page.getByText(/Version 2: decoded in/).waitFor();
  await page.getByRole('button', { name: 'It is dog' }).click();
  await page.getByText('Taught: dog').waitFor();
  assert.deepEqual(
    server.learning.labels.map(({ labels }) => labels[0]?.label),
    ['dog'],
  );
  assert.equal(server.learning.labels[0]?.labels[0]?.id, server.learning.recorded[0]?.items[0]?.id);
  assert.deepEqual(problems, []);

  await page.setInputFiles('#image', { name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('no image') });
  await page.getByText('That is no JPEG, PNG or WebP.').waitFor();
  await page.setInputFiles('#image', { name: 'a.jpg', mimeType: 'image/jpeg', buffer: Buffer.from('no image') });
  await until('the server said no', async () =>
    /image/.test(String(await page.locator('#try-state.bad').textContent())),
  );
});

test(
  'without a token nothing is shown; with one, what it allows, and it is kept in the tab only',
  options,
  async (t) => {
    const server = await startWithTokens(t);
    const { page } = await openPage(t, server.url);
    const box = page.getByRole('dialog', { name: 'Token' });
    await box.waitFor();
    assert.doesNotMatch(String(await page.locator('body').textContent()), /pets/);
    await box.getByLabel(/Token, as/).fill(createToken());
    await box.getByRole('button', { name: 'Use it' }).click();
    await page.getByText(/unknown or revoked/).waitFor();
    await box.getByLabel(/Token, as/).fill(camera.token);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'pets', exact: true }).waitFor();
    await page.getByText('camera (infer)').waitFor();
    assert.equal(
      await page.getByRole('button', { name: /Roll back|Promote|Pin/ }).count(),
      0,
      'no acts without the scope',
    );
    assert.equal(await page.locator('#traffic').isVisible(), false, 'what others do');
    assert.deepEqual(await page.context().cookies(), []);
    assert.doesNotMatch(page.url(), /hw_/);
    const kept = await page.evaluate(() => {
      const { localStorage, sessionStorage } = globalThis as unknown as Record<string, Record<string, string>>;
      return [Object.keys(localStorage!).length, Object.keys(sessionStorage!)];
    });
    assert.deepEqual(kept, [0, ['headwater-token']]);
  },
);

test('an administrator rolls back, releases and promotes; each is asked first', options, async (t) => {
  const server = await startWithTokens(t);
  const { page, problems } = await openPage(t, server.url);
  await page.getByLabel(/Token, as/).fill(operator.token);
  await page.getByRole('button', { name: 'Use it' }).click();
  const { heads } = server.learning;
  const confirm = page.getByRole('dialog', { name: /\?/ });

  await page.getByRole('button', { name: 'Roll back to version 1' }).click();
  await confirm.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(heads.need('pets').pinned, 0);
  await page.getByRole('button', { name: 'Roll back to version 1' }).click();
  await confirm.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('pinned to version 1').waitFor();
  assert.equal(heads.need('pets').pinned, 1);
  await page.locator('.events').getByText('rolled back from version 2 to 1').waitFor();

  await page.getByRole('button', { name: 'Release the pin' }).click();
  await confirm.getByRole('button', { name: 'Do it' }).click();
  await page.getByText('pinned to version 1').waitFor({ state: 'detached' });
  assert.equal(heads.need('pets').pinned, 0);

  await page.getByRole('button', { name: 'Promote slda' }).click();
  await confirm.getByRole('button', { name: 'Do it' }).click();
  await until('it was promoted', () => heads.need('pets').acts.length === 1);
  assert.deepEqual(
    problems.filter((problem) => !problem.includes('401')),
    [],
    'a browser notes the 401 that asks for a token',
  );

  server.learning.connected = false;
  await page.getByRole('button', { name: 'Roll back to version 1' }).click();
  await confirm.getByRole('button', { name: 'Do it' }).click();
  await page.getByRole('alert').getByText('Nothing was changed: NATS is away').waitFor();
});

test('everything can be done by keyboard, and what is focused stays while the page follows', options, async (t) => {
  const server = await start(t);
  const { definition } = server.learning.heads.need('pets');
  server.learning.heads.add({ ...definition, name: 'zebras' });
  const { page, problems } = await open(t, server.url);
  const focused = () =>
    page.evaluate(() => {
      const { activeElement } = (globalThis as unknown as { document: { activeElement: Record<string, string> } })
        .document;
      const { ariaLabel, textContent, id } = activeElement;
      return ariaLabel || textContent?.trim() || id || '';
    });
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'Skip to the content');
  await page.keyboard.press('Enter');
  const seen: string[] = [];
  for (let step = 0; step < 40 && !seen.includes('Measure the layers'); step++) {
    await page.keyboard.press('Tab');
    seen.push(await focused());
  }
  for (const reached of [/^pets/, /^zebras/, /Promote/, /Roll back to version 1/, /^image/, /Measure the layers/]) {
    assert.ok(
      seen.some((name) => reached.test(name)),
      `${reached} of ${seen.join(' | ')}`,
    );
  }
  const rollback = page.getByRole('button', { name: 'Roll back to version 1' });
  await rollback.focus();
  server.learning.heads.teach('pets', PETS);
  await page.locator('#head-list').getByText('v3').waitFor();
  await page.getByRole('button', { name: 'Roll back to version 2' }).waitFor();
  assert.equal(await focused(), 'Roll back to version 1', 'the table was made anew around it');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: /Serve version 1/ }).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(server.learning.heads.need('pets').pinned, 0);
  await page.getByRole('link', { name: /zebras/ }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'zebras', exact: true }).waitFor();
  assert.match(page.url(), /#head=zebras$/);
  await page.getByLabel('labels learned').focus();
  await page.keyboard.press('Space');
  assert.ok(await page.getByLabel('labels learned').isChecked());
  assert.deepEqual(problems, []);
});

test('landmarks, names of controls, one heading of each page', options, async (t) => {
  const server = await start(t);
  const { page } = await open(t, server.url);
  for (const role of ['banner', 'main', 'contentinfo', 'navigation'] as const) {
    assert.equal(await page.getByRole(role).count(), 1, role);
  }
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  const nameless = await page.evaluate(() => {
    interface Control {
      readonly outerHTML: string;
      readonly textContent: string;
      readonly labels?: ArrayLike<unknown>;
      getAttribute(name: string): string | null;
    }
    const { document } = globalThis as unknown as { document: { querySelectorAll(what: string): ArrayLike<Control> } };
    const controls = Array.from(document.querySelectorAll('button, a, input, img, [role=img], [tabindex="0"]'));
    return controls
      .filter((control) => {
        const named = control.textContent.trim() || control.getAttribute('aria-label') || control.labels?.length;
        return !named && control.getAttribute('alt') === null;
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 100));
  });
  assert.deepEqual(nameless, []);
});

test('nothing is wider than a phone, in light and dark; charts follow the scheme', options, async (t) => {
  const server = await start(t);
  const long = 'a-very-long-name-of-a-head-that-somebody-gave-it-for-good-reason1';
  const { definition } = server.learning.heads.need('pets');
  server.learning.heads.add({ ...definition, name: long.slice(0, 63) });
  server.learning.heads.teach(long.slice(0, 63), { ...PETS, classes: ['W'.repeat(128), 'b', 'c'] });
  for (const width of [320, 390, 768]) {
    const { page, problems } = await open(t, `${server.url}#head=pets`, {
      viewport: { width, height: 800 },
      colorScheme: 'dark',
    });
    await page.setInputFiles('#image', { name: 'a.jpg', mimeType: 'image/jpeg', buffer: await photo() });
    await page.locator('#classes li').first().waitFor();
    for (const name of ['pets', long.slice(0, 63)]) {
      await page.getByRole('link', { name: new RegExp(`^${name}`) }).click();
      await page.getByRole('heading', { name, exact: true }).waitFor();
      const scroll = await page.evaluate(() => {
        const { document } = globalThis as unknown as { document: { documentElement: { scrollWidth: number } } };
        return document.documentElement.scrollWidth;
      });
      assert.ok(scroll <= width, `${name} at ${width}: ${scroll}`);
    }
    const ground = () => page.evaluate('getComputedStyle(document.documentElement).backgroundColor');
    assert.equal(await ground(), 'rgb(13, 18, 23)');
    await page.emulateMedia({ colorScheme: 'light' });
    assert.equal(await ground(), 'rgb(244, 246, 248)');
    assert.deepEqual(problems, []);
    await page.context().close();
  }
});

test('who wants less motion gets none', options, async (t) => {
  const server = await start(t);
  const { page } = await open(t, server.url, { reducedMotion: 'reduce' });
  const moving = await page.evaluate(
    "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration !== '0s' || getComputedStyle(e).animationName !== 'none').length",
  );
  assert.equal(moving, 0);
});

test('a server that goes away is told, and asked seldom; when another comes the page goes on', options, async (t) => {
  const server = await start(t);
  const { page } = await open(t, server.url);
  const port = server.running.httpPort;
  await server.close();
  await page.getByText('The server does not answer').waitFor();
  const next = await startTestServer({ set: [`server.httpPort=${port}`] });
  t.after(() => next.close());
  next.learning.heads.teach('pets', PETS);
  await page.getByText('The server does not answer').waitFor({ state: 'hidden' });
  await page.locator('#status').getByText('Ready').waitFor();
});
