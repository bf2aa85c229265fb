/** celadon chips: the catalogue of accelerators, their class under export rules, and pages of single ones. */
import { InvalidArgumentError, type Command } from 'commander';
import {
  exportClassOf,
  loadAccelerator,
  loadAccelerators,
  loadExportRules,
  measuresOf,
  performanceOf,
  rulesOn,
  type Accelerator,
  type ExportRule,
} from '../chip/index.ts';
import { choice } from './arguments.ts';
import { chipPage } from './chipPage.ts';
import { Output, type GlobalOptions } from './output.ts';
import { formatTable } from './table.ts';

interface ChipsOptions extends GlobalOptions {
  readonly sort: SortKey;
  readonly rules: string;
  readonly vendor?: string;
  readonly country?: string;
  readonly kind?: string;
  readonly status?: string;
}

/** What chips are sorted by, largest first; unknown comes last and has no rank. */
const SORT_KEYS = {
  tpp: (chip: Accelerator) => performanceOf(chip).totalProcessingPerformance ?? null,
  density: (chip: Accelerator) => performanceOf(chip).performanceDensity ?? null,
  bf16: (chip: Accelerator) => chip.peakOperationsPerSecond.bf16,
  fp8: (chip: Accelerator) => chip.peakOperationsPerSecond.fp8,
  int8: (chip: Accelerator) => chip.peakOperationsPerSecond.int8,
  bandwidth: (chip: Accelerator) => chip.memory.bandwidthBytesPerSecond,
  capacity: (chip: Accelerator) => chip.memory.capacityBytes,
  power: (chip: Accelerator) => chip.thermalDesignPowerWatts,
  price: (chip: Accelerator) => chip.priceUsd?.value ?? null,
} as const;
type SortKey = keyof typeof SORT_KEYS | 'id';

export function addChips(program: Command): void {
  program
    .command('chips')
    .description('accelerators one can buy or has heard of: rates, memory, export class, sources')
    .argument('[id...]', 'chips to show with all that is known; all in a table when left out')
    .addOption(choice('--sort <key>', 'order', ['id', ...Object.keys(SORT_KEYS)]).default('id'))
    .option('--rules <date>', 'export rules of that day, YYYY-MM-DD', day, today())
    .option('--vendor <name>', 'only of makers whose name has this in it')
    .option('--country <code>', 'only of makers there: CN, US, …')
    .addOption(choice('--kind <kind>', 'only these', ['gpu', 'gpgpu', 'asic']))
    .option('--status <status>', 'only these: shipping, announced, …')
    .action((ids: string[], _: unknown, command: Command) =>
      chips(ids, command.optsWithGlobals<ChipsOptions>()),
    );
}

function today(): string {
  return new Date().toISOString().slice(0, 10);
}

function day(text: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
  if (isDay && new Date(text).toISOString().startsWith(text)) return text;
  throw new InvalidArgumentError('It must be a day, as 2026-01-15.');
}

function chips(ids: readonly string[], options: ChipsOptions): void {
  const output = new Output(options);
  const rules = rulesOn(loadExportRules(), options.rules);
  const found = ids.length > 0 ? ids.map(loadAccelerator) : sorted(selected(options), options.sort);
  if (output.json) output.result(found.map((chip) => ({ ...chip, ...summaryOf(chip, rules) })));
  else if (ids.length > 0) found.forEach((chip) => output.line(chipPage(chip, rules, output)));
  else printTable(found, rules, options, output);
}

function selected({ vendor, country, kind, status }: ChipsOptions): Accelerator[] {
  const has = (value: string, wanted: string | undefined): boolean =>
    wanted === undefined || value.toLowerCase() === wanted.toLowerCase();
  return loadAccelerators().filter(
    (chip) =>
      (vendor === undefined || chip.vendor.toLowerCase().includes(vendor.toLowerCase())) &&
      has(chip.country, country) &&
      has(chip.kind, kind) &&
      has(chip.status, status),
  );
}

function sorted(all: readonly Accelerator[], key: SortKey): Accelerator[] {
  if (key === 'id') return [...all];
  const value = SORT_KEYS[key];
  return all.toSorted((a, b) => (value(b) ?? -Infinity) - (value(a) ?? -Infinity));
}

/** What follows from the published facts. */
function summaryOf(chip: Accelerator, rules: readonly ExportRule[]) {
  const performance = performanceOf(chip);
  const { id, review, open } = exportClassOf(measuresOf(chip), rules);
  return {
    class: chip.kind,
    tpp: performance.totalProcessingPerformance ?? null,
    tppFormat: performance.format ?? null,
    performanceDensity: performance.performanceDensity ?? null,
    exportClass: id,
    exportReview: review ?? null,
    exportOpen: open.map((rule) => rule.id),
  };
}

function printTable(
  found: readonly Accelerator[],
  rules: readonly ExportRule[],
  { sort, rules: date }: ChipsOptions,
  output: Output,
): void {
  const columns = ['TPP', 'PD', 'BF16', 'FP8', 'INT8', 'GiB', 'GB/s', 'W'];
  const heading = ['chip', 'maker', 'status', ...columns, 'export class'];
  output.line(formatTable([heading, ...found.map((chip) => row(chip, rules))]));
  output.line(
    `\n${found.length} chips; rates in dense tera-operations a second, ? is not published`,
  );
  if (sort !== 'id') {
    const unranked = found.filter((chip) => SORT_KEYS[sort](chip) === null);
    if (unranked.length > 0)
      output.line(`not ranked, as ${sort} is not published: ${unranked.length} at the end`);
  }
  output.line(rulesLine(date, rules));
}

function rulesLine(date: string, rules: readonly ExportRule[]): string {
  const { knownUntil, jurisdiction } = loadExportRules();
  if (rules.length === 0) return `export class: no rule in the catalogue applies on ${date}`;
  const late = date > knownUntil ? `; no text later than ${knownUntil} was read` : '';
  return `export class: ${jurisdiction} rules on ${date}${late}. An estimate, no legal advice; celadon chips ID shows the arithmetic`;
}

function row(chip: Accelerator, rules: readonly ExportRule[]): string[] {
  const { tpp, performanceDensity, exportClass } = summaryOf(chip, rules);
  const { peakOperationsPerSecond: peak, memory } = chip;
  const scaled = (value: number | null, unit: number): string =>
    value === null ? '?' : `${Math.round((value / unit) * 10) / 10}`;
  return [
    chip.id,
    chip.vendor,
    chip.status,
    tpp === null ? '?' : tpp.toFixed(0),
    performanceDensity === null ? '?' : performanceDensity.toFixed(2),
    scaled(peak.bf16, 1e12),
    scaled(peak.fp8, 1e12),
    scaled(peak.int8, 1e12),
    scaled(memory.capacityBytes, 2 ** 30),
    scaled(memory.bandwidthBytesPerSecond, 1e9),
    scaled(chip.thermalDesignPowerWatts, 1),
    exportClass,
  ];
}
