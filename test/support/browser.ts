// Debian's Chromium, driven without a screen. Tests skip where it is absent.
import { existsSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const PATHS = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = PATHS.find((path) => path !== undefined && existsSync(path));

/** For `skip`: false, or why there is no browser. */
export const noBrowser = executablePath === undefined ? 'no Chromium (apt-get install chromium)' : false;

export interface WatchedPage {
  readonly page: Page;
  /** Console errors, exceptions, dialogs of scripts, violations of the content security policy, requests to other hosts. */
  readonly problems: string[];
}

let browser: Promise<Browser> | undefined;

/** One browser for a test file; end it with `closeBrowser`. */
function launched(): Promise<Browser> {
  // Chromium's own sandbox does not work for root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  browser ??= chromium.launch({ executablePath: executablePath as string, args: [...args, '--disable-gpu'] });
  return browser;
}

export async function closeBrowser(): Promise<void> {
  await (await browser)?.close();
}

/** A page in a context of its own, with everything noted that should not happen. */
export async function openPage(
  t: Pick<TestContext, 'after'>,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await (await launched()).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.stack}`));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'blob:' && origin !== new URL(url).origin) problems.push(`request to ${origin}`);
  });
  await page.addInitScript(() => {
    const window = globalThis as unknown as EventTarget;
    window.addEventListener('securitypolicyviolation', (event) => {
      const { violatedDirective, blockedURI } = event as unknown as Record<string, string>;
      console.error(`policy: ${violatedDirective} ${blockedURI}`);
    });
  });
  await page.goto(url);
  return { page, problems };
}
