import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Accelerator } from './accelerator.ts';
import { parseAccelerator } from './accelerator.ts';
import { loadAccelerator, loadAccelerators, loadExportRules } from './catalogue.node.ts';
import {
  exportClassOf,
  measuresOf,
  meets,
  performanceOf,
  rulesOn,
  type Measured,
} from './exportRules.ts';

const RULES = loadExportRules();

/** Known parts: TPP, density where it is known, class and review in 2026. */
const GOLDEN: readonly (readonly [string, number, number | undefined, string, string?])[] = [
  ['nvidia-h20', 2368, 2.91, 'none'],
  ['nvidia-l20', 1914, 3.14, 'none'],
  ['nvidia-a800-sxm-80g', 4992, 6.04, '3A090.a', 'case-by-case'],
  ['nvidia-rtx-4090', 5285, 8.68, '3A090.a', 'case-by-case'],
  ['nvidia-rtx-5090', 6704, 8.94, '3A090.a', 'case-by-case'],
  ['nvidia-h200-sxm', 15_831, 19.45, '3A090.a', 'case-by-case'],
  ['amd-mi325x', 20_919, 8.72, '3A090.a', 'case-by-case'],
  ['nvidia-b30a', 30_000, 37.5, '3A090.a', 'presumption of denial'],
  ['nvidia-b200', 36_000, 22.5, '3A090.a', 'presumption of denial'],
  ['aws-trainium3', 20_136, undefined, '3A090.a', 'case-by-case'],
  ['huawei-ascend-910b2', 5662, 8.51, '3A090.a', 'case-by-case'],
  ['huawei-ascend-910c', 11_325, 8.51, '3A090.a', 'case-by-case'],
  ['huawei-ascend-950pr', 6920, undefined, '3A090.a', 'case-by-case'],
  ['huawei-ascend-950dt', 8000, undefined, '3A090.a', 'case-by-case'],
  ['thead-zhenwu-m890', 9600, undefined, '3A090.a', 'unknown'],
  ['moorethreads-s5000', 8000, undefined, '3A090.a', 'case-by-case'],
  ['hygon-bw1000', 7680, undefined, '3A090.a', 'case-by-case'],
  ['metax-c500', 4480, undefined, 'unknown'],
  ['cltech-xuyu', 14_336, undefined, '3A090.a', 'unknown'],
  ['huawei-ascend-960', 16_000, undefined, '3A090.a', 'presumption of denial'],
  ['huawei-ascend-970', 32_000, undefined, '3A090.a', 'presumption of denial'],
];

test('known parts have their known performance, density and class', () => {
  for (const [id, tpp, density, exportClass, review] of GOLDEN) {
    const chip = loadAccelerator(id);
    const { totalProcessingPerformance, performanceDensity } = performanceOf(chip);
    assert.equal(Math.round(totalProcessingPerformance!), tpp, id);
    assert.equal(performanceDensity && Math.round(performanceDensity * 100) / 100, density, id);
    const found = exportClassOf(measuresOf(chip), rulesOn(RULES, '2026-11-01'));
    assert.deepEqual([found.id, found.review], [exportClass, review], id);
  }
});

test('rules apply from their day on', () => {
  const h200 = measuresOf(loadAccelerator('nvidia-h200-sxm'));
  assert.deepEqual(rulesOn(RULES, '2023-10-16'), []);
  assert.equal(exportClassOf(h200, rulesOn(RULES, '2023-10-16')).id, 'none');
  assert.equal(exportClassOf(h200, rulesOn(RULES, '2026-01-14')).review, 'presumption of denial');
  assert.equal(exportClassOf(h200, rulesOn(RULES, '2026-01-15')).review, 'case-by-case');
});

const measured = (tpp?: number, density?: number, stack?: number): Measured => ({
  totalProcessingPerformance: tpp,
  performanceDensity: density,
  memoryBandwidthGigabytesPerSecond: undefined,
  memoryBandwidthDensity: stack,
});

test('at the thresholds, and where something is unknown', () => {
  const rules = rulesOn(RULES, '2025-01-01');
  const cases: readonly (readonly [Measured, string])[] = [
    [measured(4800, 0.1), '3A090.a'],
    [measured(4799, 5.92), '3A090.a'],
    [measured(4799, 5.91), '3A090.b'],
    [measured(2400, 1.6), '3A090.b'],
    [measured(2399, 3.19), 'none'],
    [measured(1600, 3.2), '3A090.b'],
    [measured(1599, 50), 'none'],
    [measured(1599), 'none'],
    [measured(1600), 'unknown'],
    [measured(4800), '3A090.a'],
    [measured(), 'unknown'],
    [measured(undefined, 1), 'unknown'],
  ];
  for (const [values, id] of cases) {
    assert.equal(exportClassOf(values, rules).id, id, JSON.stringify(values));
  }
});

test('stacks of memory are controlled above 2 GB/s for each mm²', () => {
  const [control, exception] = rulesOn(RULES, '2025-01-01').filter(({ kind }) => kind === 'memory');
  assert.equal(meets(control!, measured(0, 0, 2)), false);
  assert.equal(meets(control!, measured(0, 0, 2.01)), true);
  assert.equal(meets(exception!, measured(0, 0, 3.3)), false);
  assert.equal(meets(control!, measured()), undefined);
});

test('the area of planar dies does not count', () => {
  const chip = loadAccelerator('nvidia-h20');
  const planar: Accelerator = { ...chip, process: { ...chip.process, nanometres: 28 } };
  assert.equal(performanceOf(planar).performanceDensity, undefined);
});

test('the catalogue has its chips, all with sources, and no number without a confidence', () => {
  const all = loadAccelerators();
  assert.equal(all.length, 78);
  assert.equal(all.filter((chip) => performanceOf(chip).format === undefined).length, 22);
  const chip = loadAccelerator('nvidia-h20');
  const without = { ...chip, confidence: { ...chip.confidence, peak: null }, sources: [] };
  assert.throws(() => parseAccelerator(without, 'x.json'), /sources: at least one source/);
  assert.throws(
    () => parseAccelerator({ ...without, sources: chip.sources }, 'x.json'),
    /confidence\.peak: must be one of official, reported, estimated, unknown as there are values/,
  );
});

test('an unknown id is answered with the nearest', () => {
  assert.throws(() => loadAccelerator('nvidia-h200'), {
    name: 'UsageError',
    hint: 'did you mean nvidia-h200-sxm?',
  });
});
