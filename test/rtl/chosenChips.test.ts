// What `celadon explore --verify-top` does, on chips that spaces of the catalogue name: three levels, and the RTL.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layerGraphs } from '../../src/explore/index.ts';
import { isMisfit } from '../../src/explore/space/chipRules.ts';
import { loadChipEstimates, loadSpaceFile } from '../../src/explore/space/load.node.ts';
import { DesignSpace } from '../../src/explore/space/space.ts';
import { topTables } from '../../src/explore/verify/topRows.ts';
import { verifyTop } from '../../src/explore/verify/top.ts';
import { loadModel } from '../../src/model/index.ts';
import type { Chip } from '../../src/chip/index.ts';
import { missing } from './tools.ts';

/** A chip of a space with these values on some axes and the largest on all others. */
async function chipOf(
  name: string,
  given: Readonly<Record<string, number | string>>,
): Promise<Chip> {
  const space = new DesignSpace(loadSpaceFile(name), await loadChipEstimates());
  const point = space.axes.map((axis) => {
    const value = given[axis.name];
    return value === undefined ? axis.values.length - 1 : axis.values.indexOf(value);
  });
  const design = space.designAt(point);
  if (isMisfit(design)) throw new Error(design.misfit);
  return design.decode.chip;
}

const model = loadModel(new URL('../../models/qwen3-tiny', import.meta.url).pathname);
const small = { scratchpadKiB: 128, lanes: 32, node: 'sky130' };

const TITLE = 'chips of 16, 32 and 64 columns are equal in bits and cycles on their RTL';

test(TITLE, { skip: missing('verilator') }, async () => {
  const chips = [
    await chipOf('demonstrator', { ...small, columns: 16 }),
    await chipOf('demonstrator', { ...small, columns: 32, formats: 'mxint8/mxint8' }),
    await chipOf('edge', { cores: 1, columns: 64, lanes: 64, scratchpadKiB: 256, expert: 1 }),
  ];
  const [layer] = layerGraphs(model.name, model.config);
  const programs = [{ ...layer!, tokens: 1, contextTokens: 64 }];
  const report = await verifyTop(chips, {
    programs,
    node: ({ process }) => process.node,
    rtl: { programs: 4 },
  });
  for (const { chip, rtl, levels, area, corrections } of report.chips) {
    assert.equal(rtl.verdict, 'equal', `${chip}: ${JSON.stringify(rtl)}`);
    assert.deepEqual(levels.refused, [], chip);
    assert.ok(Math.abs(corrections.l1!) <= 0.002, `${chip}: ${corrections.l1}`);
    assert.match('refused' in area ? area.refused : '', /no folder of Liberty files was given/);
  }
  const [levels, table] = topTables(report);
  assert.equal(levels!.rows.length, 3);
  assert.equal(table!.rows.length, 3);
});
