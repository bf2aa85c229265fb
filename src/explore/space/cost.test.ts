import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadMemories, loadWafers, type Memory } from '../../chip/index.ts';
import { costOf, diesPerWafer, yieldOf } from './cost.ts';

const WAFERS = loadWafers();
const MEMORIES = loadMemories();

test('yield is the negative binomial, and dies are counted to the edge of the wafer', () => {
  const one = { low: 1, value: 1, high: 1 };
  assert.equal(yieldOf(300, one, 3).value, 1 / 8); // (1 + 3 cm² · 1 / 3)^-3
  assert.equal(yieldOf(100, { low: 0, value: 1, high: 2 }, 1).low, 1 / 3);
  // 10 mm × 10 mm and 0.1 mm of scribe on 294 mm: 665.5 by area, 64.7 lost at the edge.
  assert.ok(Math.abs(diesPerWafer(100, 300, WAFERS) - 600.8) < 0.1);
});

test('a chip is its die, its memory and its package, from low to high', () => {
  const memory = MEMORIES.get('HBM3')!;
  const cost = costOf({ areaMm2: 600, node: 'asap7', memory, devices: 4 }, WAFERS)!;
  for (const end of ['low', 'value', 'high'] as const)
    assert.equal(cost.dollars[end], cost.die[end] + cost.memory[end] + cost.package[end]);
  assert.ok(cost.dollars.low < cost.dollars.value && cost.dollars.value < cost.dollars.high);
  assert.ok(Math.abs(cost.memory.value - 4 * 17.179869184 * memory.dollarsPerGB!.value) < 1e-9);
  assert.deepEqual(cost.assumed, []);
  const board = costOf(
    { areaMm2: 30, node: 'sky130', memory: MEMORIES.get('PSRAM')!, devices: 1 },
    WAFERS,
  )!;
  assert.ok(board.assumed.includes('wafer price') && board.assumed.includes('package price'));
});

test('there is no price without one of its parts, nor of a die larger than the reticle', () => {
  const memory = MEMORIES.get('GDDR7')!;
  const priced = { areaMm2: 100, node: 'asap7', memory, devices: 1 };
  assert.notEqual(costOf(priced, WAFERS), null);
  const free: Memory = { ...memory, dollarsPerGB: null };
  assert.equal(costOf({ ...priced, memory: free }, WAFERS), null);
  assert.equal(costOf({ ...priced, node: 'N5' }, WAFERS), null);
  assert.equal(costOf({ ...priced, areaMm2: 859 }, WAFERS), null);
});
