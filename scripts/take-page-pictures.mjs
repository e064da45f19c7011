// The pictures of the live page in docs/pictures, of a server that has something to show:
//
//   node scripts/take-page-pictures.mjs http://localhost:8002/ HEAD IMAGE.jpg
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { ROOT } from './setup/run.mjs';

const [url, head, image] = process.argv.slice(2);
if (url === undefined || head === undefined || image === undefined) {
  console.error('usage: node scripts/take-page-pictures.mjs URL HEAD IMAGE');
  process.exit(2);
}
const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args });

async function take(name, options, fullPage) {
  const page = await browser.newPage(options);
  await page.goto(`${url}#head=${head}`);
  await page.getByRole('heading', { name: head, exact: true }).waitFor();
  await page.setInputFiles('#image', image);
  await page.locator('#classes li').first().waitFor();
  for (const button of await page.getByRole('button', { name: 'Measure the layers' }).all()) {
    await button.click();
    await page.waitForTimeout(6000);
  }
  await page.waitForTimeout(1500);
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: join(ROOT, 'docs', 'pictures', name), fullPage });
  await page.close();
}

await take('page.png', { viewport: { width: 1280, height: 900 }, colorScheme: 'light' }, true);
await take(
  'page-dark-phone.png',
  { viewport: { width: 390, height: 1800 }, deviceScaleFactor: 2, colorScheme: 'dark', isMobile: true, hasTouch: true },
  false,
);
await browser.close();
