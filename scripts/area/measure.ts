/** The energy of a module from its netlist, and that this does what its RTL does. */
import { rounded, type CellLibrary, type Synthesised } from '../../src/cost/synthesis/index.ts';
import type { Module } from '../../src/hdl/index.ts';
import { energyPerCycle, type Operands } from './energy.ts';
import { Netlist } from './netlist.ts';
import { findDifference } from './verifyNetlist.ts';

/** Cycles of a stream before energy counts: longer than any pipeline. */
const WARMUP = 24;

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
