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
/** Prices over gates. The library has no cell for a choice, so what steers comes out above its gates. */
const [LEAST, MOST] = [0.9, 1.5];

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

test(`parts of ${CHIP.name} around their units are priced at ${LEAST} to ${MOST} times their gates`, async (t) => {
  const { parts } = areaOf(siliconBill(CHIP), await siliconOfLibrary());
  for (const name of PARTS) {
    const { module } = siliconParts(CHIP).get(name)![0]!;
    const priced = parts.find(({ part }) => part === name)!.restMm2 * 1e6;
    const ratio = priced / (await cellsOf(module));
    t.diagnostic(`${name}: ${ratio.toFixed(2)}`);
    assert.ok(ratio >= LEAST && ratio <= MOST, `${name}: ${ratio}`);
  }
});
