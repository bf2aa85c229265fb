/**
 * A chip's area twice: from the table of its node, and by synthesis of the chip's own RTL: each unit, and
 * each part of the core around its units. Memories are macros, and have the table's area in both.
 */
import { CeladonError } from '../../base/index.ts';
import { loadSilicon, type Chip, type Silicon } from '../../chip/index.ts';
import {
  areaOf,
  loadSynthesis,
  type CellMeasures,
  type RestArea,
  type UnitArea,
} from '../../cost/index.ts';
import type { Module } from '../../hdl/index.ts';
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

/** A part of a core without its units and macros: cells by the table's operators, and by synthesis. */
export interface PartRow {
  readonly part: string;
  readonly tableUm2: number;
  readonly synthesisedUm2: number;
}

export type ChipAreaReport =
  | {
      readonly node: string;
      readonly units: readonly UnitRow[];
      readonly parts: readonly PartRow[];
      /** Placed area of the whole chip. */
      readonly tableMm2: number;
      readonly synthesisedMm2: number;
      /** Share by which the table's area is more. */
      readonly error: number;
    }
  | { readonly refused: string };

/**
 * Synthesises units and parts of `chip` for `node` with the Liberty files of `folder`: minutes for each
 * the first time. A part that holds macros itself keeps the table's price. `onStep` hears of each before
 * it starts.
 */
export async function verifyArea(
  chip: Chip,
  node: string,
  folder: string | undefined,
  onStep: (what: string) => void = () => {},
): Promise<ChipAreaReport> {
  if (folder === undefined)
    return { refused: 'not synthesised: no folder of Liberty files was given' };
  try {
    const silicon = loadSilicon(node);
    return await compareAreas(chip, silicon, await synthesisFor(silicon, folder, onStep));
  } catch (error) {
    if (!(error instanceof CeladonError)) throw error;
    return { refused: `not synthesised: ${error.message}` };
  }
}

type Measure = (
  module: Module,
  what: string,
  isBox?: (module: Module) => boolean,
) => Promise<CellMeasures>;

/** Synthesis with the library of a node. */
async function synthesisFor(
  { node }: Silicon,
  folder: string,
  onStep: (what: string) => void,
): Promise<Measure> {
  const { measureCells, readLiberty, readLibrary, synthesise } = await loadSynthesis();
  const library = readLibrary(readLiberty(folder, node.library.files));
  return async (module, what, isBox = () => false) => {
    onStep(what);
    const results = await synthesise(module, new Map([[node.id, library]]), { isBox });
    return measureCells(results.get(node.id)!, library);
  };
}

async function compareAreas(
  chip: Chip,
  silicon: Silicon,
  measure: Measure,
): Promise<ChipAreaReport> {
  const { siliconBill } = await loadSiliconBill();
  const { node } = silicon;
  const bill = siliconBill(chip);
  const byTable = areaOf(bill, silicon);
  const priced = new Map(byTable.parts.flatMap(({ units }) => units).map((row) => [row.unit, row]));
  const cells = await measureUnits(chip, measure);
  const fresh = [...cells].map(([unit, found]) => {
    const likeIt = node.units[priced.get(unit)!.pricedAs]!; // for its energy
    return [unit, { ...likeIt, ...found }] as const;
  });
  const units = { ...node.units, ...Object.fromEntries(fresh) };
  const rest = await measureParts(chip, measure);
  const anew = areaOf(bill, { ...silicon, node: { ...node, units } }, rest);
  return {
    node: node.id,
    units: [...cells].map(([unit, { areaUm2 }]) => unitRow(priced.get(unit)!, areaUm2)),
    parts: byTable.parts
      .filter(({ part }) => rest.has(part))
      .map(({ part, restMm2 }) => partRow(part, restMm2, rest.get(part)!)),
    tableMm2: byTable.placedMm2,
    synthesisedMm2: anew.placedMm2,
    error: byTable.placedMm2 / anew.placedMm2 - 1,
  };
}

async function measureUnits(chip: Chip, measure: Measure): Promise<Map<string, CellMeasures>> {
  const { siliconUnits } = await loadSiliconBill();
  const found = new Map<string, CellMeasures>();
  for (const [unit, module] of siliconUnits(chip)) found.set(unit, await measure(module, unit));
  return found;
}

/** Cells of all cores around units and macros. */
async function measureParts(chip: Chip, measure: Measure): Promise<Map<string, RestArea>> {
  const { isPricedAlone, siliconParts } = await loadSiliconBill();
  const isBox = (module: Module): boolean => isPricedAlone(chip, module);
  const found = new Map<string, RestArea>();
  for (const [part, modules] of siliconParts(chip)) {
    if (modules.some(({ module }) => isBox(module))) continue;
    let [areaUm2, flopAreaUm2] = [0, 0];
    for (const [i, { module, count }] of modules.entries()) {
      const piece = modules.length === 1 ? '' : `, ${i + 1} of ${modules.length}`;
      const cells = await measure(module, `${part}${piece}`, isBox);
      areaUm2 += chip.cores * count * cells.areaUm2;
      flopAreaUm2 += chip.cores * count * cells.flopAreaUm2;
    }
    found.set(part, { areaUm2, flopAreaUm2 });
  }
  return found;
}

function unitRow({ unit, count, pricedAs, areaUm2 }: UnitArea, synthesisedUm2: number): UnitRow {
  return { unit, count, pricedAs, tableUm2: areaUm2, synthesisedUm2 };
}

function partRow(part: string, tableMm2: number, { areaUm2 }: RestArea): PartRow {
  return { part, tableUm2: tableMm2 * 1e6, synthesisedUm2: areaUm2 };
}
