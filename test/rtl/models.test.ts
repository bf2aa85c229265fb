/** Models on the Verilated chip, step for step. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { loadChip } from '../../src/chip/index.ts';
import { verifyModel } from '../../src/cli/verifyModel.ts';
import { writeRandomCheckpoint } from '../../scripts/randomCheckpoint.ts';
import { nightly } from '../verify/chips.ts';
import { readCatalogueModel } from '../../src/model/index.ts';
import { missing } from './tools.ts';

const skip = missing('verilator');

for (const model of ['qwen3-tiny', 'deepseek-v3-tiny']) {
  test(
    `${model} on jade-nano: 32 tokens of prompt and 32 steps are equal in bits and cycles`,
    { skip },
    async (t) => {
      const report = await verifyModel(loadChip('jade-nano'), {
        model,
        promptTokens: 32,
        newTokens: 33,
      });
      assert.equal(report.difference, undefined);
      assert.equal(report.tokens.length, 33);
      t.diagnostic(
        `${report.instructions} instructions, ${report.cycles} cycles, ${report.seconds.toFixed(1)} s`,
      );
    },
  );
}

test(
  'Qwen3-0.6B with random weights on jade-edge: one token after a context of 32 is equal in bits and cycles',
  { skip: nightly() ? skip : 'nightly: building and running it takes 20 minutes' },
  async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-qwen3-'));
    t.after(() => fs.rmSync(folder, { recursive: true }));
    writeRandomCheckpoint(readCatalogueModel('qwen3-0.6b').raw, folder);
    const report = await verifyModel(loadChip('jade-edge'), {
      model: folder,
      promptTokens: 32,
      newTokens: 2,
      decodeOnly: true,
    });
    assert.equal(report.difference, undefined);
    assert.ok(
      report.cycles > 9e6,
      `${report.cycles} cycles are too few for 28 layers and the head`,
    );
    t.diagnostic(
      `${report.instructions} instructions, ${report.cycles} cycles, ${report.seconds.toFixed(1)} s`,
    );
  },
);
