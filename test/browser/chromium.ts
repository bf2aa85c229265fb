/** The machine's own Chromium, and a page in it. */
import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';
import { chromium, type Page } from 'playwright-core';

/** As Debian and Google name it. */
export const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

export function findChromium(): string | undefined {
  const found = NAMES.map((name) => spawnSync('which', [name], { encoding: 'utf8' }).stdout.trim());
  return found.find((file) => file !== '');
}

/** Opens a page until the test ends; `problems` are what it says on its console, and its errors. */
export async function openPage(
  t: TestContext,
  url: string,
): Promise<{ readonly page: Page; readonly problems: readonly string[] }> {
  const browser = await chromium.launch({
    executablePath: findChromium()!,
    args: ['--no-sandbox'],
  });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('console', (message) => problems.push(message.text()));
  await page.goto(url);
  return { page, problems };
}
