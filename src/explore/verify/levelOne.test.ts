// A chip of a front at tile events: the cycles are those of the comparison of all levels.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../chip/index.ts';
import { loadModel } from '../../model/index.ts';
import { layerGraphs, type LayerProgram } from './layers.ts';
import { runLevelOne } from './levelOne.ts';
import { verifyLevels } from './levels.ts';

function programsOf(name: string): LayerProgram[] {
  const model = loadModel(new URL(`../../../models/${name}`, import.meta.url).pathname);
  return layerGraphs(model.name, model.config).map((layer) => ({
    ...layer,
    tokens: 1,
    contextTokens: 64,
  }));
}

for (const name of ['qwen3-tiny', 'deepseek-v3-tiny']) {
  test(`${name}: L0 and L1 are those beside the simulator, and layers alike count as often as they come`, async () => {
    const programs = programsOf(name);
    const chip = { ...loadChip('jade-nano'), cores: 2 };
    const { rows, refused, correction } = await runLevelOne(chip, programs);
    const all = await verifyLevels(chip, programs);
    assert.deepEqual(refused, []);
    assert.deepEqual(
      rows.map(({ layer, l0Cycles, l1Cycles, l0Error }) => [layer, l0Cycles, l1Cycles, l0Error]),
      all.rows.map(({ layer, l0Cycles, l1Cycles, l0Error }) => [
        ...[layer, l0Cycles, l1Cycles, l0Error],
      ]),
    );
    const sum = (level: 'l0Cycles' | 'l1Cycles'): number =>
      rows.reduce((total, row, i) => total + programs[i]!.layers! * row[level], 0);
    assert.equal(correction, sum('l0Cycles') / sum('l1Cycles'));
  });
}

test('a layer that the chip has no room for is refused with the reason, and nothing is corrected', async () => {
  const nano = loadChip('jade-nano');
  const small = { ...nano, scratchpad: { ...nano.scratchpad, sizeBytes: 2048 } };
  const { refused, correction } = await runLevelOne(small, programsOf('qwen3-tiny'));
  assert.equal(refused.length, 1);
  assert.match(refused[0]!.reason, /needs \d+ bytes of the stream/);
  assert.equal(correction, null);
});
