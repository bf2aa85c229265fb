/** A chip's area twice: from the table of its node, and with its own units synthesised anew. */
import { CeladonError } from '../../base/index.ts';
import { loadSilicon, type Chip, type Silicon, type SiliconUnit } from '../../chip/index.ts';
import { areaOf, loadSynthesis, type UnitArea } from '../../cost/index.ts';
import { loadSiliconBill } from '../../target/jade/index.ts';

export interface UnitRow {
  readonly unit: string;
  readonly count: number;
  /** The unit of the table that stands for it. */
  readonly pricedAs: string;
  /** Cells of one, by the table and by synthesis. */
  readonly tableUm2: number;
  readonly synthesisedUm2: number;
}

export type ChipAreaReport =
  | {
      readonly node: string;
      readonly units: readonly UnitRow[];
      /** Placed area of the whole chip. */
      readonly tableMm2: number;
      readonly synthesisedMm2: number;
      /** Share by which the table's area is more. */
      readonly error: number;
    }
  | { readonly refused: string };

/**
 * Synthesises the units of `chip` for `node` with the Liberty files of `folder`: minutes for each the
 * first time. What is in no unit keeps the table's prices. `onUnit` hears of each unit before it starts.
 */
export async function verifyArea(
  chip: Chip,
  node: string,
  folder: string | undefined,
  onUnit: (unit: string) => void = () => {},
): Promise<ChipAreaReport> {
  if (folder === undefined)
    return { refused: 'not synthesised: no folder of Liberty files was given' };
  try {
    return await synthesiseUnits(chip, loadSilicon(node), folder, onUnit);
  } catch (error) {
    if (!(error instanceof CeladonError)) throw error;
    return { refused: `not synthesised: ${error.message}` };
  }
}

async function synthesiseUnits(
  chip: Chip,
  silicon: Silicon,
  folder: string,
  onUnit: (unit: string) => void,
): Promise<ChipAreaReport> {
  const { siliconBill, siliconUnits } = await loadSiliconBill();
  const { measureCells, readLiberty, readLibrary, synthesise } = await loadSynthesis();
  const bill = siliconBill(chip);
  const byTable = areaOf(bill, silicon);
  const { node } = silicon;
  const library = readLibrary(readLiberty(folder, node.library.files));
  const priced = new Map(
    byTable.parts.flatMap(({ units }) => units).map((unit) => [unit.unit, unit]),
  );
  const fresh = new Map<string, SiliconUnit>();
  for (const [unit, module] of siliconUnits(chip)) {
    onUnit(unit);
    const results = await synthesise(module, new Map([[node.id, library]]));
    const likeIt = node.units[priced.get(unit)!.pricedAs]!; // for its energy
    fresh.set(unit, { ...likeIt, ...measureCells(results.get(node.id)!, library) });
  }
  const units = { ...node.units, ...Object.fromEntries(fresh) };
  const anew = areaOf(bill, { ...silicon, node: { ...node, units } });
  return {
    node: node.id,
    units: [...fresh].map(([unit, { areaUm2 }]) => rowOf(priced.get(unit)!, areaUm2)),
    tableMm2: byTable.placedMm2,
    synthesisedMm2: anew.placedMm2,
    error: byTable.placedMm2 / anew.placedMm2 - 1,
  };
}

function rowOf({ unit, count, pricedAs, areaUm2 }: UnitArea, synthesisedUm2: number): UnitRow {
  return { unit, count, pricedAs, tableUm2: areaUm2, synthesisedUm2 };
}
