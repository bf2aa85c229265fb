/** The demo models on the Verilated chip: a prompt of 32 tokens and 32 more, step for step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../src/chip/index.ts';
import { verifyModel } from '../../src/cli/verifyModel.ts';
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
