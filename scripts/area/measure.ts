/** What the table says of a module, from its netlist. */
import type { SiliconUnit } from '../../src/chip/index.ts';
import type { Module } from '../../src/hdl/index.ts';
import type { CellLibrary } from './cellLibrary.ts';
import { energyPerCycle, type Operands } from './energy.ts';
import { Netlist } from './netlist.ts';
import type { Synthesised } from './synthesise.ts';
import { findDifference } from './verifyNetlist.ts';

/** Cycles of a stream before energy counts: longer than any pipeline. */
const WARMUP = 24;

/** Area, gates, delay and leakage. */
export function measureCells(
  { netlist, delayPs }: Synthesised,
  library: CellLibrary,
): Pick<SiliconUnit, 'areaUm2' | 'flopAreaUm2' | 'gates' | 'flops' | 'delayPs' | 'leakageNw'> {
  const { placed } = new Netlist(netlist, library.cells);
  const cells = placed.map(({ cell }) => cell);
  const flops = cells.filter(({ flop }) => flop !== undefined);
  const area = (of: typeof cells): number => of.reduce((sum, { areaUm2 }) => sum + areaUm2, 0);
  return {
    areaUm2: rounded(area(cells)),
    flopAreaUm2: rounded(area(flops)),
    gates: cells.length - flops.length,
    flops: flops.length,
    delayPs: rounded(delayPs),
    leakageNw: rounded(cells.reduce((sum, { leakageNw }) => sum + leakageNw, 0)),
  };
}

/** Energy of a cycle in fJ for each stream of operands. */
export function measureEnergy(
  { netlist }: Synthesised,
  library: CellLibrary,
  streams: Readonly<Record<string, readonly Operands[]>>,
): Record<string, number> {
  const energies = Object.entries(streams).map(([name, stream]) => {
    const fresh = new Netlist(netlist, library.cells);
    return [name, rounded(energyPerCycle(fresh, stream, library.volts, WARMUP))];
  });
  return Object.fromEntries(energies) as Record<string, number>;
}

/** Throws if the netlist and the module differ on random inputs; those of `below` stay below a number. */
export function requireEqual(
  module: Module,
  { netlist }: Synthesised,
  library: CellLibrary,
  vectors: number,
  below: Readonly<Record<string, number>> = {},
): void {
  const fresh = new Netlist(netlist, library.cells);
  const difference = findDifference(module, fresh, { vectors, seed: 1, below });
  if (difference === undefined) return;
  const { cycle, inputs, output, expected, found } = difference;
  const given = Object.entries(inputs).map(([name, value]) => `${name}=0x${value.toString(16)}`);
  throw new Error(
    `the netlist of ${module.name} must do what its RTL does, but in cycle ${cycle} (${given.join(' ')}) ` +
      `${output} is 0x${found.toString(16)}, not 0x${expected.toString(16)}`,
  );
}

/** Five significant digits: more would claim more than synthesis knows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
