/**
 * Tables of Liberty files: energy and delay over the slew of an input and the load of an output.
 *
 * The slew is the third of each table: what a gate of fitting size shows in all libraries used here
 * (17 ps at 45 nm, 20 ps at 7 nm). Between loads there is a straight line, beyond the table its edge.
 */
import { FormatError } from '../../base/index.ts';
import { groupsNamed, numbersOf, textOf } from './liberty.ts';
import type { LibertyGroup } from './liberty.ts';
import type { Units } from './cellLibrary.ts';

/** Energy of a toggle in fJ at a load in fF, the mean of rising and falling. */
export type PowerTable = (loadFf: number) => number;

const SLEW = 2;

/**
 * The energy of a toggle inside a cell: the mean over the conditions of its `internal_power` groups, the
 * sum over its supplies. The unit of energy of a library is its unit of capacitance times 1 V².
 */
export function powerTables(pin: LibertyGroup, { ff }: Units): PowerTable {
  const groups = groupsNamed(pin, 'internal_power');
  const supplies = new Set(groups.map((group) => textOf(group, 'related_pg_pin'))).size;
  const edges = ['rise_power', 'fall_power'].map((edge) =>
    groups.flatMap((group) => groupsNamed(group, edge)).map(readTable),
  );
  return (load) => {
    const energies = edges.map((tables) => mean(tables.map((table) => table(load / ff))));
    return mean(energies) * supplies * ff;
  };
}

/** The mean; of nothing 0: a library that states no energy for an edge means none. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** The mean over all edges of timing arcs, at a load in the library's unit (of checks: in the middle). */
export function meanDelayPs(
  arcs: readonly LibertyGroup[],
  load: number | undefined,
  { ps }: Units,
): number {
  const tables = arcs.flatMap(({ groups }) =>
    groups.filter(({ name }) => /^(cell_(rise|fall)|(rise|fall)_constraint)$/.test(name)),
  );
  return mean(tables.map((table) => readTable(table)(load))) * ps;
}

/** A table at the chosen slew; without a load, at the third entry of its other axis. */
function readTable(table: LibertyGroup): (load: number | undefined) => number {
  const values = numbersOf(table, 'values');
  const loads = numbersOf(table, 'index_2');
  if (values.length === 1) return () => values[0]!;
  const inputs = numbersOf(table, 'index_1');
  if (values.length !== inputs.length * Math.max(1, loads.length)) {
    throw new FormatError(
      `a table must have a value for each pair of its indices, not ${values.length}`,
    );
  }
  if (loads.length === 0) return () => values[Math.min(SLEW, values.length - 1)]!;
  const row = values.slice(SLEW * loads.length, (SLEW + 1) * loads.length);
  return (load = loads[SLEW]!) => interpolate(loads, row, load);
}

function interpolate(xs: readonly number[], ys: readonly number[], x: number): number {
  const clamped = Math.min(Math.max(x, xs[0]!), xs.at(-1)!);
  const i = Math.max(
    1,
    xs.findIndex((edge) => edge >= clamped),
  );
  const t = (clamped - xs[i - 1]!) / (xs[i]! - xs[i - 1]!);
  return ys[i - 1]! + t * (ys[i]! - ys[i - 1]!);
}
