/** The report of a study in headless Chromium, opened from its file. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { studyHtml } from '../../src/explore/study/index.ts';
import { expectedResult, syntheticStudy } from '../explore/syntheticStudy.ts';
import { findChromium, NAMES, openPage } from './chromium.ts';

const skip = findChromium() === undefined && `needs ${NAMES.join(' or ')}`;

test(
  'the plot shows the design under the pointer, and follows the choice of axes',
  { skip },
  async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-page-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'study.html');
    const references = [{ name: 'A real one', metrics: { speed: 9, area: 300 } }];
    fs.writeFileSync(file, studyHtml(syntheticStudy(), { title: 'Study', references }));
    const { page, problems } = await openPage(t, pathToFileURL(file).href);
    const count = expectedResult().front.length;
    assert.equal(await page.locator('.pareto circle[r="4"]').count(), count + 1);
    const dot = page.locator('.pareto circle[r="4"]').last();
    await dot.hover();
    assert.match(
      await page.locator('.pareto output').innerText(),
      /A real one\nspeed: 9\narea: 300/,
    );
    const before = await dot.getAttribute('cx');
    await page.locator('select[name="x"]').selectOption({ label: 'speed' });
    assert.notEqual(await dot.getAttribute('cx'), before);
    const height = await dot.getAttribute('cy');
    await page.locator('input[name="log y"]').check();
    assert.notEqual(await dot.getAttribute('cy'), height);
    assert.deepEqual(problems, []);
  },
);
