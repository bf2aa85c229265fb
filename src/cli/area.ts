/** celadon area: what a chip costs in silicon on each process node, before layout. */
import type { Command } from 'commander';
import { loadAllSilicon, loadChip, loadSilicon, type Chip, type Silicon } from '../chip/index.ts';
import { areaOf, type AreaReport, type PartArea, type SiliconBill } from '../cost/index.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatTable } from './table.ts';
import { DEFAULT_CHIP } from './targets.ts';

interface AreaOptions extends GlobalOptions {
  readonly chip: string;
  readonly node?: string;
}

export function addArea(program: Command): void {
  program
    .command('area')
    .description('silicon area, clock and energy of a chip on process nodes, before layout')
    .option('--chip <name|file>', 'the chip', DEFAULT_CHIP)
    .option('--node <name>', 'one node of catalogue/silicon instead of all')
    .action((_: unknown, command: Command) => area(command.optsWithGlobals<AreaOptions>()));
}

async function area(options: AreaOptions): Promise<void> {
  const output = new Output(options);
  const chip = loadChip(options.chip);
  const nodes = options.node === undefined ? loadAllSilicon() : [loadSilicon(options.node)];
  const { loadSiliconBill } = await import('../target/jade/index.ts');
  const { siliconBill } = await loadSiliconBill();
  const bill = siliconBill(chip);
  const reports = nodes.map((silicon) => areaOf(bill, silicon));
  if (output.json) output.result(resultOf(bill, nodes, reports));
  else print(bill, nodes, reports, output);
  if (!output.json) output.line(clockLine(chip, nodes, reports));
}

/** What the clock of the chip comes to on the node that is nearest to its process. */
function clockLine(
  { name, clockHz, process: { node, nanometres } }: Chip,
  nodes: readonly Silicon[],
  reports: readonly AreaReport[],
): string {
  if (nanometres === null) return `${name} states no process`;
  const distance = (silicon: Silicon): number =>
    Math.abs(Math.log(silicon.node.nanometres / nanometres));
  const [nearest] = nodes.toSorted((a, b) => distance(a) - distance(b));
  const { fmaxHz, slowestUnit } = reports[nodes.indexOf(nearest!)]!;
  const verdict = fmaxHz >= clockHz ? 'meets' : 'MISSES';
  return (
    `${name} is meant for ${node} (${nanometres} nm); nearest here is ${nearest!.node.id}: ` +
    `${Math.round(fmaxHz / 1e6)} MHz ${verdict} its ${clockHz / 1e6} MHz, by ${slowestUnit}`
  );
}

function resultOf(
  { chip, clockHz, macsPerCycle, notCounted }: SiliconBill,
  nodes: readonly Silicon[],
  reports: readonly AreaReport[],
): object {
  const { about: _, ...factors } = nodes[0]!.factors;
  return { chip, stage: 'pre-layout', clockHz, macsPerCycle, factors, notCounted, nodes: reports };
}

function print(
  bill: SiliconBill,
  nodes: readonly Silicon[],
  reports: readonly AreaReport[],
  output: Output,
): void {
  output.line(output.mark('bold', bill.chip));
  output.line('Estimates before layout: cells of synthesis, no wires. Areas in mm².\n');
  const rows = [...headings(nodes), ...unitRows(reports), ...totalRows(bill, reports)];
  output.line(formatTable(rows));
  const { utilisation, scan, clockAndRepair, memoryPlacement, published } = nodes[0]!.factors;
  output.line(
    `\nplaced: cells, flops × ${scan.value} for scan, × ${clockAndRepair.value} for buffers, / ` +
      `${utilisation.value} utilisation + memory × ${memoryPlacement.value} (catalogue/silicon/factors.json)`,
  );
  output.line(`not counted, as outside of the core: ${bill.notCounted.join('; ')}`);
  output.line(
    `published machines have ${published.least} to ${published.most} times the cells and memory given here (docs/silicon.md)`,
  );
  for (const { node } of nodes) {
    if (node.library.citation !== null) output.line(`${node.id}: ${node.library.citation}`);
  }
}

function headings(nodes: readonly Silicon[]): string[][] {
  return [
    ['', ...nodes.map(({ node }) => node.id)],
    ['nm', ...nodes.map(({ node }) => `${node.nanometres}`)],
    ['process', ...nodes.map(({ node }) => node.kind)],
    ['memory', ...nodes.map(({ sram }) => sram.kind)],
  ];
}

/** A row for each unit, and one for what is around the units of a part. */
function unitRows(reports: readonly AreaReport[]): string[][] {
  const [first] = reports;
  return first!.parts.flatMap(({ part, units, restMm2, memoryMm2 }, i) => {
    const parts = reports.map((report) => report.parts[i]!);
    const row = (name: string, value: (part: PartArea) => number): string[] => {
      return [`${part}: ${name}`, ...parts.map((part) => area3(value(part)))];
    };
    return [
      ...units.map(({ unit, pricedAs, count }, j) => {
        const approximate = pricedAs === unit ? '' : ` (priced as ${pricedAs})`;
        return row(`${count} × ${unit}${approximate}`, ({ units }) => units[j]!.cellMm2);
      }),
      ...(restMm2 > 0 ? [row('registers, operators', ({ restMm2 }) => restMm2)] : []),
      ...(memoryMm2 > 0 ? [row('static memory', ({ memoryMm2 }) => memoryMm2)] : []),
    ];
  });
}

function totalRows({ clockHz }: SiliconBill, reports: readonly AreaReport[]): string[][] {
  const row = (name: string, value: (report: AreaReport) => string): string[] => [
    name,
    ...reports.map(value),
  ];
  return [
    row('cells', ({ cellMm2 }) => area3(cellMm2)),
    row('placed', ({ placedMm2 }) => area3(placedMm2)),
    row('placed µm² per MAC', ({ placedUm2PerMac }) => area3(placedUm2PerMac)),
    row('matrix cells µm² per MAC', ({ matrixCellUm2PerMac }) => area3(matrixCellUm2PerMac)),
    row('matrix pJ per MAC', ({ matrixPjPerMac }) => area3(matrixPjPerMac)),
    row('fmax MHz', ({ fmaxHz }) => `${Math.round(fmaxHz / 1e6)}`),
    row(`of ${clockHz / 1e6} MHz`, ({ fmaxHz }) => (fmaxHz >= clockHz ? 'met' : 'missed')),
    row('slowest unit', ({ slowestUnit }) => slowestUnit),
  ];
}

/** Three significant digits. */
function area3(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
