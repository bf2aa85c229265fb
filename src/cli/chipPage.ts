/** One chip with all that is known about it: every value with its confidence, and its sources. */
import {
  exportClassOf,
  MEASURES,
  measuresOf,
  meets,
  passes,
  performanceOf,
  type Accelerator,
  type ExportRule,
  type Measure,
  type Threshold,
} from '../chip/index.ts';
import type { Output } from './output.ts';
import { formatTable } from './table.ts';

export function chipPage(chip: Accelerator, rules: readonly ExportRule[], output: Output): string {
  const sections = [
    `${output.mark('bold', `${chip.vendor} ${chip.name}`)}  ${chip.kind}, ${chip.country}, ${chip.status}`,
    formatTable(facts(chip), '  '),
    ...lists(chip),
    exportSection(chip, rules, output),
    sources(chip),
    chip.notes,
  ];
  return `${sections.filter((text) => text !== '').join('\n\n')}\n`;
}

/** Rows of what, value, confidence. */
function facts(chip: Accelerator): string[][] {
  const { confidence, priceUsd, hostLink, thermalDesignPowerWatts: power } = chip;
  const fact = factsOf(chip);
  const area = chip.dieAreaMm2 === null ? null : `${chip.dieAreaMm2} mm²`;
  const price = priceUsd && `${priceUsd.value} USD (${priceUsd.asOf}; ${priceUsd.note})`;
  return [
    ['', '', 'confidence'],
    fact('announced', chip.announced, null),
    fact('available', chip.available, null),
    fact('process', processText(chip.process), confidence.process, 'process'),
    fact('logic dies', withCount(area, chip.dies), confidence.dieArea, 'dieAreaMm2'),
    ...peakFacts(chip, fact),
    ...memoryFacts(chip, fact),
    ...linkFacts(chip, fact),
    fact('host link', hostLink, null, 'hostLink'),
    fact('power', scaled(power, 1, 'W'), confidence.power, 'thermalDesignPowerWatts'),
    fact('price', price, confidence.price, 'priceUsd'),
  ];
}

type Fact = (what: string, value: string | null, sure: string | null, field?: string) => string[];

function factsOf({ unverified }: Accelerator): Fact {
  return (what, value, sure, field) => {
    const recalled = unverified.some((name) => name === field || name.startsWith(`${field}.`));
    const how = [sure, recalled ? 'from memory' : null].filter((text) => text !== null).join(', ');
    return [what, value ?? 'unknown', value === null ? '' : how];
  };
}

function scaled(value: number | null, unit: number, name: string): string | null {
  return value === null ? null : `${Math.round((value / unit) * 10) / 10} ${name}`.trim();
}

function peakFacts({ peakOperationsPerSecond, confidence }: Accelerator, fact: Fact): string[][] {
  const peaks = Object.entries(peakOperationsPerSecond).filter(([, rate]) => rate !== null);
  if (peaks.length === 0) return [fact('peak', null, null)];
  return peaks.map(([format, rate]) => {
    const value = scaled(rate, 1e12, 'Tops/s dense');
    return fact(`peak ${format}`, value, confidence.peak, 'peakOperationsPerSecond');
  });
}

function memoryFacts(
  { memory, onChipMemoryBytes, confidence }: Accelerator,
  fact: Fact,
): string[][] {
  const capacity = scaled(memory.capacityBytes, 2 ** 30, `GiB ${memory.type ?? ''}`);
  const bandwidth = scaled(memory.bandwidthBytesPerSecond, 1e9, 'GB/s');
  const onChip = scaled(onChipMemoryBytes, 2 ** 20, 'MiB');
  return [
    fact('memory', capacity, confidence.memory, 'memory'),
    fact('memory bandwidth', bandwidth, confidence.memory, 'memory'),
    fact('on-chip memory', onChip, confidence.microarchitecture, 'onChipMemoryBytes'),
  ];
}

function linkFacts({ interconnect, confidence }: Accelerator, fact: Fact): string[][] {
  const bandwidth = scaled(interconnect.bandwidthBytesPerSecond, 1e9, 'GB/s');
  const chips = scaled(interconnect.scaleUpChips, 1, '');
  return [
    fact('between chips', interconnect.name, confidence.interconnect, 'interconnect'),
    fact('  each direction', bandwidth, confidence.interconnect, 'interconnect'),
    fact('  chips of a domain', chips, confidence.interconnect, 'interconnect'),
  ];
}

function processText({ name, nanometres, foundry }: Accelerator['process']): string | null {
  const parts = [nanometres === null ? null : `${nanometres} nm`, name, foundry];
  return parts.filter((part) => part !== null).join(', ') || null;
}

function withCount(area: string | null, dies: number | null): string | null {
  if (dies === null) return area;
  return `${area ?? 'area unknown'}, ${dies} die${dies === 1 ? '' : 's'}`;
}

function lists({ software, microarchitecture, production, derived }: Accelerator): string[] {
  const units = Object.entries(microarchitecture ?? {}).filter(([, value]) => value !== null);
  const list = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? '' : [title, ...lines.map((line) => `  ${line}`)].join('\n');
  return [
    list(
      'Units, as the maker names them',
      units.map(
        ([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
      ),
    ),
    list('Software', [
      `stack: ${software.stack.join(', ') || 'unknown'}`,
      `written in: ${software.programmingModels.join(', ') || 'unknown'}`,
      `frameworks: ${software.frameworks.join(', ') || 'unknown'}`,
    ]),
    list(
      'Units made or planned',
      production.map(
        ({ year, units: count, source, note }) =>
          `${year ?? 'undated'}: ${count ?? 'unknown'} (${[source, note].filter(Boolean).join('; ')})`,
      ),
    ),
    list(
      'Inferred, not the maker’s data',
      derived.map(({ what, value, basis }) => `${what}: ${value} (${basis})`),
    ),
  ];
}

// ---- export rules

function exportSection(chip: Accelerator, rules: readonly ExportRule[], output: Output): string {
  const { format, totalProcessingPerformance: tpp, performanceDensity } = performanceOf(chip);
  const measured = measuresOf(chip);
  const { id, review, open } = exportClassOf(measured, rules);
  const peak = format && chip.peakOperationsPerSecond[format]! / 1e12;
  const known = Object.values(chip.peakOperationsPerSecond).filter((rate) => rate !== null).length;
  const lines = [
    tpp === undefined
      ? 'TPP unknown: no peak is published'
      : `TPP ${peak} Tops/s × ${Math.round(tpp / peak!)} bits (${format}) = ${tpp.toFixed(0)}, the largest of ${known} published rates`,
    performanceDensity === undefined
      ? `PD unknown: ${densityLack(chip)}`
      : `PD ${tpp!.toFixed(0)} / ${chip.dieAreaMm2} mm² = ${performanceDensity.toFixed(2)}`,
    ...rules
      .filter(({ kind }) => kind !== 'memory')
      .map((rule) => `${rule.id}: ${verdict(meets(rule, measured))} · ${describe(rule, measured)}`),
  ];
  const left = open.length > 0 ? `; open: ${open.map((rule) => rule.id).join(', ')}` : '';
  const licence = review !== undefined && chip.country !== 'CN' ? `; to China: ${review}` : '';
  const title = `Export class ${output.mark('bold', id)}${left}${licence}`;
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

function densityLack({ dieAreaMm2, process }: Accelerator): string {
  if (dieAreaMm2 === null) return 'the area of the logic dies is not published';
  return process.nanometres === null ? 'the process is not published' : 'planar dies do not count';
}

function verdict(met: boolean | undefined): string {
  if (met === undefined) return 'open';
  return met ? 'met' : 'not met';
}

/** The thresholds, each with whether it holds, and where they stand. */
function describe(
  { anyOf, citation, recalled }: ExportRule,
  measured: Readonly<Record<Measure, number | undefined>>,
): string {
  const alternatives = anyOf.map((tests) =>
    tests.map((test) => `${threshold(test)} ${mark(passes(test, measured))}`).join(' and '),
  );
  const source = recalled ? `${citation}; recalled, not read again` : citation;
  return `${alternatives.join(', or ')} [${source}]`;
}

function mark(passed: boolean | undefined): string {
  if (passed === undefined) return '?';
  return passed ? '✓' : '✗';
}

function threshold({ measure, atLeast, above, below }: Threshold): string {
  const { name, unit } = MEASURES[measure];
  const bounds = [
    atLeast === undefined ? '' : `≥ ${atLeast}${unit}`,
    above === undefined ? '' : `> ${above}${unit}`,
    below === undefined ? '' : `< ${below}${unit}`,
  ];
  return `${name} ${bounds.filter(Boolean).join(' and ')}`;
}

function sources({ sources: all, retrieved }: Accelerator): string {
  const READ = { full: 'read', excerpt: 'read in part', none: 'not read again' };
  const lines = all.map(
    ({ url, what, read }) => `  ${what} (${READ[read]})${url ? `\n    ${url}` : ''}`,
  );
  return [`Sources, of ${retrieved}`, ...lines].join('\n');
}
