import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCatalogueModel } from '../../model/index.ts';
import { nearestFeasible } from '../explain/nearestFeasible.ts';
import { neighbourTable } from '../explain/neighbourTable.ts';
import { shadowPrices } from '../explain/shadowPrices.ts';
import { problemOf, remembering, type View } from '../explain/view.ts';
import { exhaustiveSearch } from '../search/exhaustive.ts';
import { runSearch } from '../search/problem.ts';
import { Limits, type LimitsFile } from '../space/limits.ts';
import { loadChipEstimates, loadSpaceFile } from '../space/load.node.ts';
import { loadExportRules } from '../../chip/index.ts';
import { ChipGrid } from './chipGrid.ts';
import { chipView } from './chipView.ts';
import { definitionOf, parseObjectives } from './inputs.ts';

const estimates = await loadChipEstimates();
const { raw } = readCatalogueModel('qwen3-0.6b');

/** 48 chips of the edge for Qwen3-0.6B, one sequence. */
function view(limits: LimitsFile): View {
  const space = loadSpaceFile('edge');
  const axes = {
    ...space.axes,
    ...{ cores: [1], formats: ['mxint8/mxfp4' as const], lanes: [64], loads: [16] },
    ...{ memory: ['LPDDR5X'], clockShare: [1], node: ['asap7'], expert: [1] },
    ...{ scratchpadKiB: [1024, 2048], accumulatorRows: [256, 512], columns: [32, 64, 128] },
  };
  const inputs = {
    models: [{ name: 'qwen3-0.6b', raw, weight: 1 }],
    workload: { inputTokens: 128, outputTokens: 128, concurrency: 1 },
    ...{ limits, space: { ...space, axes } },
    search: { name: 'exhaustive' as const, seed: 1, evaluations: 0 },
  };
  const objectives = parseObjectives('tokensPerSecond,areaMm2');
  const grid = new ChipGrid(
    inputs,
    objectives,
    new Limits(limits, estimates, loadExportRules()),
    estimates,
  );
  const named = grid.space.axes.map(({ name, values }) => ({ name, values }));
  const definition = definitionOf(inputs, named, objectives, { version: '', commit: null });
  return remembering(chipView(grid, definition));
}

test('chips: neighbours, and what a limit of bandwidth costs', () => {
  const chips = view({ memoryBandwidthGBs: 64 });
  const problem = problemOf(chips);
  const { front } = runSearch(exhaustiveSearch(problem), problem.evaluate);
  const best = front.reduce((a, b) => (b.objectives[0]! > a.objectives[0]! ? b : a));
  const rows = neighbourTable(chips, best.point);
  const wider = rows.find(
    ({ axis, verdict }) => axis === 'bytesPerCycle' && verdict === 'over limits',
  );
  assert.ok(wider !== undefined, JSON.stringify(rows));
  assert.deepEqual(
    wider.broken.map(({ limit }) => limit),
    ['memoryBandwidthGBs'],
  );
  assert.ok(wider.changes[0]! > 0, 'more bandwidth would write more');
  const [price] = shadowPrices(
    chips,
    front.map(({ point }) => point),
    { widened: 1.1 },
  );
  assert.equal(price!.limit, 'memoryBandwidthGBs');
  assert.ok(price!.binds && price!.gains[0]!.best >= wider.changes[0]!);
});

test('chips: limits that none keeps, and by how much the nearest gives in', () => {
  const found = nearestFeasible(view({ areaMm2: 0.01, ttftMs: 1e6 }), { seed: 1 });
  assert.ok(found.kind === 'infeasible' && found.proven);
  assert.deepEqual(found.toBlame, ['areaMm2']);
  assert.equal(found.nearest.widen.length, 1);
});
