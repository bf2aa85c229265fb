/** How the demo shows what it found. */
import { formatBytes, formatCount, formatCycles } from '../base/index.ts';
import type { Chip } from '../chip/index.ts';
import type { ActReport } from './demo.ts';
import { isEqual, ratesOf, type ChipCounters } from './demoMeasure.ts';
import type { Output } from './output.ts';
import { formatRate } from './rates.ts';
import { formatBars, formatTable } from './table.ts';

export function printOpening(
  { name, summary, clockHz, matrix, memory, scratchpad }: Chip,
  output: Output,
): void {
  const bandwidth = formatCount(memory.bytesPerCycle * clockHz);
  output.line(`${output.mark('bold', name)}  ${summary}`);
  output.line(
    `simulated: ${matrix.lanes} × ${matrix.columns} MACs, ${matrix.weightFormat} weights, ` +
      `${formatBytes(scratchpad.sizeBytes)} scratchpad, ${bandwidth}B/s of ${memory.type}, ${formatCount(clockHz)}Hz`,
  );
}

const WIDTH = 12;

export function printModel(report: ActReport, chip: Chip, output: Output): void {
  const { measured } = report;
  output.line();
  for (const [name, text] of factsOf(report, chip)) output.line(`  ${name.padEnd(WIDTH)}${text}`);
  output.line(`  ${'equal'.padEnd(WIDTH)}${equality(report, output)}`);
  output.line(
    `\n  ${output.mark('gray', 'where the cycles went: each queue busy, as a share of all cycles')}`,
  );
  output.line(
    formatBars(
      measured.queues.map(({ key, share }) => ({ name: key, share })),
      '  ',
    ),
  );
  output.line(`\n  ${output.mark('gray', 'what the memory channel was busy for')}`);
  output.line(
    formatBars(
      measured.layers.map(({ key, share }) => ({ name: key, share })),
      '  ',
    ),
  );
}

function factsOf(
  { parameters, measured, quality, rooflines }: ActReport,
  chip: Chip,
): [string, string][] {
  const { prefill, decode } = measured;
  const active =
    parameters.active < parameters.total ? `, ${formatCount(parameters.active)} active` : '';
  const reading = ratesOf(prefill, chip);
  const bound = rooflines[0]!.tokensPerSecond;
  return [
    ['parameters', `${formatCount(parameters.total)}${active}`],
    [
      'prompt',
      `${prefill.tokens} tokens in ${formatCycles(prefill.cycles)}; ${percent(reading.macShare)} of the MACs used`,
    ],
    [
      'generation',
      decode.tokens === 0 ? 'ended after one token' : generationOf(decode, chip, bound),
    ],
    [
      'perplexity',
      `${quality.float.toFixed(2)} in f32, ${quality.chip.toFixed(2)} on the chip (${signedPercent(quality.chip / quality.float - 1)}); ` +
        `${quality.documents} documents of models/valid.json, ${quality.tokens} tokens`,
    ],
  ];
}

function generationOf(decode: ChipCounters, chip: Chip, boundTokensPerSecond: number): string {
  const { cyclesPerToken, tokensPerSecond, bandwidthShare } = ratesOf(decode, chip);
  return (
    `${formatCycles(cyclesPerToken)} a token, ${formatRate(tokensPerSecond)} at ${formatCount(chip.clockHz)}Hz; ` +
    `${percent(bandwidthShare)} of the memory bandwidth used, ${percent(tokensPerSecond / boundTokensPerSecond)} of the roofline`
  );
}

function equality({ measured }: ActReport, output: Output): string {
  const { tokens, equalTokens, logits, equalLogits } = measured.agreement;
  const counts = `${equalTokens} of ${tokens} tokens, ${equalLogits} of ${logits} logits`;
  return isEqual(measured)
    ? `${output.mark('green', 'yes, bit for bit')}: ${counts}; compared with the numeric definition, run beside the chip`
    : `${output.mark('red', 'NO')}: only ${counts} are those of the numeric definition`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

function signedPercent(change: number): string {
  return `${change < 0 ? '−' : '+'}${(100 * Math.abs(change)).toFixed(2)} %`;
}

/** The same models on machines one can buy: bounds from published rates, not measurements. */
export function printRooflines(reports: readonly ActReport[], output: Output): void {
  output.line(
    `\n${output.mark('bold', 'roofline')}  at most this many tokens/s for one sequence, whatever the software`,
  );
  const rows = reports.flatMap(({ model, rooflines }) =>
    rooflines.map(({ machine, tokensPerSecond: rate, limitedBy }) => [
      model,
      machine.name,
      machine.format,
      `${formatCount(rate)}`,
      limitedBy,
      `${formatCount(machine.bandwidthBytesPerSecond)}B/s`,
      `${formatCount(2 * machine.macsPerSecond)}op/s`,
      machine.provenance.text,
    ]),
  );
  const headings = [
    'model',
    'machine',
    'format',
    'tokens/s',
    'limited by',
    'bandwidth',
    'peak',
    'numbers',
  ];
  output.line(formatTable([headings, ...rows]));
  for (const { machine } of reports[0]?.rooflines ?? []) {
    for (const url of machine.provenance.urls)
      output.line(output.mark('gray', `${machine.name}: ${url}`));
  }
  output.line(
    output.mark(
      'gray',
      'models this small never reach the bound of a server part: starting each kernel takes longer',
    ),
  );
}
