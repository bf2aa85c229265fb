/**
 * Areas of the table beside synthesis of whole cores, for chips of the demonstrator's front. It needs the
 * Liberty files of their nodes, which are nobody's to pass on: CELADON_LIBERTY names their folder.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnsupportedError } from '../../src/base/index.ts';
import { loadSynthesis } from '../../src/cost/index.ts';
import { verifyArea } from '../../src/explore/index.ts';
import { frontChips } from './frontChips.ts';

const CHIPS = 3;
const SEED = 8;
/** Share by which the table may be off. */
const MOST = 0.05;

const folder = process.env['CELADON_LIBERTY'];
const skip =
  folder === undefined
    ? 'NOT COMPARED: CELADON_LIBERTY must name a folder of Liberty files (docs/silicon.md)'
    : await missingYosys();

async function missingYosys(): Promise<string | false> {
  const { findYosys } = await loadSynthesis();
  try {
    await findYosys();
    return false;
  } catch (error) {
    if (error instanceof UnsupportedError) return `NOT COMPARED: ${error.message}`;
    throw error;
  }
}

const chips = skip === false ? await frontChips(CHIPS, SEED) : [];

test(
  `the table has the area of ${CHIPS} chips of the demonstrator's front`,
  { skip },
  async (t) => {
    assert.equal(chips.length, CHIPS);
    for (const chip of chips) {
      await t.test(`${chip.name}: within ${100 * MOST} % of synthesis`, async (t) => {
        const report = await verifyArea(chip, chip.process.node, folder);
        assert.ok(!('refused' in report), 'refused' in report ? report.refused : '');
        const { units, parts, tableMm2, synthesisedMm2, error } = report;
        for (const { unit, pricedAs } of units) assert.equal(pricedAs, unit);
        assert.deepEqual(parts.map(({ part }) => part).toSorted(), [
          'control',
          'dma',
          'local memory',
          'matrix',
          'vector',
        ]);
        assert.ok(
          Math.abs(error) <= MOST,
          `${tableMm2} mm² by the table, ${synthesisedMm2} by synthesis`,
        );
        t.diagnostic(
          `${tableMm2.toFixed(2)} mm² by the table, ${synthesisedMm2.toFixed(2)} mm² by synthesis`,
        );
      });
    }
  },
);
