// Prices by operators beside gates, on a library of our own: the core of a small chip around its units.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip, loadSilicon, type Silicon } from '../../src/chip/index.ts';
import { areaOf } from '../../src/cost/index.ts';
import { measureCells, readLibrary, synthesise } from '../../src/cost/synthesis/index.ts';
import type { Module } from '../../src/hdl/index.ts';
import { isPricedAlone, siliconBill, siliconParts } from '../../src/target/jade/siliconBill.ts';
import { operatorUnits } from './operators.ts';
import { testLibrary } from './testLibrary.ts';

const library = readLibrary([testLibrary()]);
const CHIP = loadChip('jade-nano');
/** The parts that take seconds, not minutes. */
const PARTS = ['dma', 'matrix', 'vector'];
const MOST = 0.25;

async function cellsOf(module: Module): Promise<number> {
  const isBox = (inner: Module): boolean => isPricedAlone(CHIP, inner);
  const results = await synthesise(module, new Map([['test', library]]), { isBox });
  return measureCells(results.get('test')!, library).areaUm2;
}

/** A node whose operators and flops are those of the library; nothing else of it is looked at. */
async function siliconOfLibrary(): Promise<Silicon> {
  const silicon = loadSilicon('sky130');
  const operatorUm2: Record<string, number> = {};
  for (const { operator, size, module } of operatorUnits())
    operatorUm2[operator] = (await cellsOf(module)) / size;
  const flop = { ...silicon.node.flop, areaUm2: library.flop.areaUm2 };
  return { ...silicon, node: { ...silicon.node, operatorUm2, flop } };
}

test(`parts of ${CHIP.name} around their units are priced within ${100 * MOST} % of their gates`, async (t) => {
  const { parts } = areaOf(siliconBill(CHIP), await siliconOfLibrary());
  for (const name of PARTS) {
    const { module } = siliconParts(CHIP).get(name)![0]!;
    const priced = parts.find(({ part }) => part === name)!.restMm2 * 1e6;
    const error = priced / (await cellsOf(module)) - 1;
    t.diagnostic(`${name}: ${(100 * error).toFixed(1)} %`);
    assert.ok(Math.abs(error) <= MOST, `${name}: ${error}`);
  }
});
