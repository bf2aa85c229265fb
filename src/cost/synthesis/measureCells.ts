/** What the table says of a module but for its energy, from its netlist. */
import { FormatError } from '../../base/index.ts';
import type { SiliconUnit } from '../../chip/index.ts';
import type { Cell, CellLibrary } from './cellLibrary.ts';
import type { Synthesised } from './netlistJson.ts';

export type CellMeasures = Pick<
  SiliconUnit,
  'areaUm2' | 'flopAreaUm2' | 'gates' | 'flops' | 'delayPs' | 'leakageNw'
>;

/** Area, gates, delay and leakage. Throws FormatError for a cell that the library has not. */
export function measureCells(
  { netlist, delayPs }: Synthesised,
  library: Pick<CellLibrary, 'cells'>,
): CellMeasures {
  const cells = Object.values(netlist.cells).map(({ type }) => cellOf(type, library));
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

function cellOf(type: string, { cells }: Pick<CellLibrary, 'cells'>): Cell {
  const cell = cells.get(type);
  if (cell !== undefined) return cell;
  throw new FormatError(`cells of a netlist must be those of the library, which has no ${type}`);
}

/** Five significant digits: more would claim more than synthesis knows. */
export function rounded(value: number): number {
  return Number(value.toPrecision(5));
}
