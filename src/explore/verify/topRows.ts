/** A report of verified chips as rows of tables, for a terminal or a page. */
import type { TextTable } from '../study/index.ts';
import type { ChipAreaReport } from './area.ts';
import type { RtlReport } from './rtl.ts';
import type { ChipVerification, TopReport } from './top.ts';

/** A chip in a line. */
export function verificationText({ chip, rtl, area, corrections }: ChipVerification): string {
  const parts = [
    rtlText(rtl),
    'refused' in area ? area.refused : `table ${percent(area.error, 1)} beside synthesis`,
    ...(corrections.l0 === null ? [] : [`L0 off by ${percent(corrections.l0, 1)}`]),
    ...(corrections.l1 === null ? [] : [`L1 off by ${percent(corrections.l1, 3)}`]),
  ];
  return `${chip}: ${parts.join('; ')}`;
}

/** Levels by layer, RTL and area by chip, cells by unit and part; without those that nothing is in. */
export function topTables({ chips }: TopReport): TextTable[] {
  const tables = [levelTable(chips), chipTable(chips), cellTable(chips)];
  return tables.filter(({ rows }) => rows.length > 0);
}

function levelTable(chips: readonly ChipVerification[]): TextTable {
  const rows = chips.flatMap(({ chip, levels }) => [
    ...levels.rows.map((row) => [
      ...[chip, row.layer, String(row.tokens), String(row.l2Cycles)],
      ...[String(row.l1Cycles), percent(row.l1Error, 3)],
      ...[String(row.l0Cycles), percent(row.l0Error, 1)],
    ]),
    ...levels.refused.map(({ layer, reason }) => [chip, layer, '', reason, '', '', '', '']),
  ]);
  const columns = ['tokens', 'L2 cycles', 'L1 cycles', 'L1 − L2', 'L0 cycles', 'L0 − L1'];
  return { title: 'Levels', columns: ['chip', 'layer', ...columns], rows };
}

function chipTable(chips: readonly ChipVerification[]): TextTable {
  const rows = chips.map(({ chip, rtl, area, corrections }) => [
    ...[chip, rtlText(rtl), ...areaTexts(area)],
    ...[percent(corrections.l0, 1), percent(corrections.l1, 3)],
  ]);
  const columns = ['table mm²', 'synthesis mm²', 'table − synthesis', 'L0 off by', 'L1 off by'];
  return { title: 'Chips', columns: ['chip', 'RTL', ...columns], rows };
}

function rtlText(rtl: RtlReport): string {
  if (rtl.verdict === 'refused') return rtl.reason;
  const { programs, model, modelRefused } = rtl;
  const first = model?.difference ?? programs.differences[0]?.difference;
  const cyclesText = ({ cycles }: { readonly cycles: number }): string =>
    `${cycles.toLocaleString('en')} cycles`;
  const parts = [
    first === undefined ? 'equal' : `differs in ${first.what}`,
    `${programs.programs} programs in ${cyclesText(programs)}`,
    ...(model === undefined
      ? []
      : [`${model.tokens.length} tokens of ${model.model} in ${cyclesText(model)}`]),
    ...(modelRefused === undefined ? [] : [`no model: ${modelRefused}`]),
  ];
  return parts.join(', ');
}

function areaTexts(area: ChipAreaReport): [string, string, string] {
  if ('refused' in area) return ['', area.refused, ''];
  const { tableMm2, synthesisedMm2, error } = area;
  return [tableMm2.toPrecision(4), synthesisedMm2.toPrecision(4), percent(error, 1)];
}

/** Cells by the table and by synthesis: of each unit, and of each part around its units. */
function cellTable(chips: readonly ChipVerification[]): TextTable {
  const rows = chips.flatMap(({ chip, area }) => {
    if ('refused' in area) return [];
    const units = area.units.map(
      (each) => [each.unit, `${each.count}`, each.pricedAs, each] as const,
    );
    const parts = area.parts.map((each) => [each.part, '1', 'operators', each] as const);
    return [...units, ...parts].map(([what, count, pricedAs, { tableUm2, synthesisedUm2 }]) => [
      ...[chip, what, count, pricedAs, areaText(tableUm2), areaText(synthesisedUm2)],
      percent(tableUm2 / synthesisedUm2 - 1, 1),
    ]);
  });
  const columns = ['count', 'priced as', 'table µm²', 'synthesis µm²', 'table − synthesis'];
  return { title: 'Cells', columns: ['chip', 'unit or part', ...columns], rows };
}

function areaText(um2: number): string {
  return String(Number(um2.toPrecision(5)));
}

/** With its sign; nothing where nothing was compared. */
function percent(share: number | null, digits: number): string {
  if (share === null) return '';
  return `${share < 0 ? '−' : '+'}${(Math.abs(share) * 100).toFixed(digits)} %`;
}
