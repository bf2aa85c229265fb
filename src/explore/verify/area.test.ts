// A chip's area by synthesis: what refuses, says why. The comparison needs Yosys and Liberty files.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadChip } from '../../chip/index.ts';
import { verifyArea } from './area.ts';

test('without a folder of Liberty files nothing is synthesised, and the report says so', async () => {
  assert.deepEqual(await verifyArea(loadChip('jade-nano'), 'sky130', undefined), {
    refused: 'not synthesised: no folder of Liberty files was given',
  });
});

test('a folder without the files of the node is refused by the name of the file', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-area-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const report = await verifyArea(loadChip('jade-nano'), 'sky130', folder);
  assert.match('refused' in report ? report.refused : '', /must have the Liberty file .*\.lib/);
});
