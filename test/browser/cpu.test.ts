/** The cpu target in headless Chromium: the modules as they are, in a worker of a page that is isolated. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { chromium } from 'playwright-core';
import { root } from '../../scripts/tree.ts';
import { findChromium, NAMES } from './chromium.ts';
import { generateText } from './generateText.ts';
import { serveRepository } from './server.ts';

const executablePath = findChromium();
const skip = executablePath === undefined && `needs ${NAMES.join(' or ')}`;

test(
  'a demo model gives the same tokens on two threads of a browser as in Node',
  { skip },
  async (t) => {
    const { origin, close } = await serveRepository();
    t.after(close);
    const browser = await chromium.launch({
      executablePath: executablePath!,
      args: ['--no-sandbox'],
    });
    t.after(() => browser.close());
    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => problems.push(message.text()));
    await page.goto(`${origin}/test/browser/page.html`);
    const result = await page.evaluate('globalThis.result');
    const expected = await generateText(async (file) => fs.readFileSync(path.join(root, file)), 1);
    assert.deepEqual(
      { result, problems },
      { result: { isolated: true, ...expected }, problems: [] },
    );
  },
);
