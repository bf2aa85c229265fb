/** The cpu target in headless Chromium: the modules as they are, in a worker of a page that is isolated. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../../scripts/tree.ts';
import { findChromium, NAMES, openPage } from './chromium.ts';
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
    const { page, problems } = await openPage(t, `${origin}/test/browser/page.html`);
    const result = await page.evaluate('globalThis.result');
    const expected = await generateText(async (file) => fs.readFileSync(path.join(root, file)), 1);
    assert.deepEqual(
      { result, problems },
      { result: { isolated: true, ...expected }, problems: [] },
    );
  },
);
