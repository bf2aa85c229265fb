/** Chips that `celadon explore` chose, as RTL: random programs, and tokens of a demo model. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openModel } from '../../src/cli/models.ts';
import { verifyRtl } from '../../src/explore/index.ts';
import { frontChips } from './frontChips.ts';
import { missing } from './tools.ts';

const skip = missing('verilator');
const CHIPS = 3;
const SEED = 8;
/** Of 30 random instructions each. */
const PROGRAMS = 40;
const NEW_TOKENS = 2;

const chips = skip === false ? await frontChips(CHIPS, SEED) : [];

test(`${CHIPS} chips of the demonstrator's front`, { skip }, async (t) => {
  assert.equal(new Set(chips.map(({ name }) => name)).size, CHIPS);
  for (const chip of chips) {
    await t.test(
      `${chip.name}: ${PROGRAMS} programs and a prompt of qwen3-tiny are equal in bits and cycles`,
      async (t) => {
        const model = openModel('qwen3-tiny');
        const options = { model, programs: PROGRAMS, promptTokens: 4, newTokens: NEW_TOKENS };
        const report = await verifyRtl(chip, options);
        assert.ok(report.verdict !== 'refused', 'reason' in report ? report.reason : '');
        const { programs, model: played, modelRefused } = report;
        assert.deepEqual(programs.differences, []);
        assert.equal(programs.programs, PROGRAMS);
        assert.equal(modelRefused, undefined);
        assert.equal(played?.difference, undefined);
        assert.equal(played?.tokens.length, NEW_TOKENS);
        t.diagnostic(
          `${programs.instructions} random instructions in ${programs.cycles} cycles, ` +
            `${played!.instructions} of the model in ${played!.cycles} cycles`,
        );
      },
    );
  }
});
