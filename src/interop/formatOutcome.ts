/** Formats of weights that the units of a chip lack, what they become, and the bytes that takes. */
import { formatBytes } from '../base/index.ts';
import {
  chipClassIn,
  formatSupport,
  type Accelerator,
  type SoftwareStack,
  type UnitFormats,
} from '../chip/index.ts';
import type { ModelFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { sourceOf } from './findings.ts';
import { weightBytes } from './memory.ts';
import {
  GROUPS,
  PRECISIONS,
  PUBLISHED,
  UNIT_FORMAT_OF,
  type Formats,
  type PrecisionName,
  type WeightFormat,
} from './precision.ts';

/** How weights are held and multiplied on a chip: formats after fallbacks, and what was found. */
export interface FormatOutcome {
  /** In memory. */
  readonly formats: Formats;
  readonly findings: readonly Finding[];
}

/**
 * Formats of the precision that the units of the chip lack, and what they become: what the stack says,
 * else BF16 (FP16 on units without BF16) from when the weights are loaded.
 */
export function formatOutcome(
  facts: ModelFacts,
  precision: PrecisionName,
  chip: Accelerator,
  units: UnitFormats,
  stack?: SoftwareStack,
): FormatOutcome {
  const wanted = precision === PUBLISHED ? facts.published : PRECISIONS[precision].formats;
  const computes = precision === PUBLISHED ? undefined : PRECISIONS[precision].computes;
  const chipClass = stack && chipClassIn(stack, chip.id);
  const plain = formatSupport(chip, 'bf16', units).status === 'missing' ? 'fp16' : 'bf16';
  const held: Record<string, WeightFormat> = { ...wanted };
  const findings: Finding[] = [];
  for (const format of new Set(
    GROUPS.filter((group) => facts.groups[group] > 0).map((group) => wanted[group]),
  )) {
    const unit =
      computes !== undefined && UNIT_FORMAT_OF[format] !== 'bf16'
        ? computes
        : UNIT_FORMAT_OF[format];
    const support = formatSupport(chip, unit, units);
    const row = stack?.formats.find(
      (each) => each.format === unit && each.chips.includes(chipClass ?? ''),
    );
    const where = { about: 'format', subject: unit } as const;
    if (support.status !== 'missing') {
      findings.push({
        ...where,
        status: support.status,
        text: `${format} weights: ${support.status === 'native' ? 'multiplied natively' : 'whether the units multiply them is not published'}`,
        basis: support.basis ?? 'catalogue',
        url: support.url,
      });
      continue;
    }
    const becomes = replacement(row?.becomes, plain);
    const inKernel = row?.where === 'kernel';
    if (!inKernel) for (const group of GROUPS) if (wanted[group] === format) held[group] = becomes;
    const text = `${format} weights: no ${unit} in the matrix units; become ${becomes} ${inKernel ? 'in the kernel and stay as they are in memory' : 'when loaded'}${row?.note ? `; ${row.note}` : ''}`;
    const source =
      row && stack
        ? sourceOf(stack, row)
        : { basis: support.basis ?? 'catalogue', url: support.url };
    findings.push({ ...where, status: 'fallback', text, ...source });
  }
  const formats = held as Formats;
  return {
    formats,
    findings: [
      ...expansion(facts, wanted, formats, findings),
      ...scaleFinding(facts, precision, chip, units),
    ],
  };
}

function replacement(becomes: string | null | undefined, plain: 'bf16' | 'fp16'): WeightFormat {
  return becomes === 'fp8' || becomes === 'int8' ? becomes : plain;
}

/** Adds the bytes that formats grow by to the findings of those that do. */
function expansion(
  facts: ModelFacts,
  wanted: Formats,
  held: Formats,
  findings: readonly Finding[],
): Finding[] {
  const [before, after] = [weightBytes(facts, wanted), weightBytes(facts, held)];
  if (before === after) return [...findings];
  return findings.map((finding) =>
    finding.status === 'fallback' && finding.text.includes('when loaded')
      ? {
          ...finding,
          text: `${finding.text}; all weights grow from ${formatBytes(before)} to ${formatBytes(after)}`,
        }
      : finding,
  );
}

/** Scales that are powers of two are operands of some units; others need them multiplied apart. */
function scaleFinding(
  { powerOfTwoScales, published }: ModelFacts,
  precision: PrecisionName,
  chip: Accelerator,
  units: UnitFormats,
): Finding[] {
  const scaled =
    precision === PUBLISHED
      ? powerOfTwoScales || published.experts === 'mxfp4'
      : precision.startsWith('mx');
  if (!scaled) return [];
  const { status, basis, url } = formatSupport(chip, 'e8m0', units);
  const text = {
    native: 'E8M0 scales: operands of the units',
    missing:
      'E8M0 scales: the units take none; multiplied apart, or folded into the weights when loaded',
    experimental: 'E8M0 scales: experimental',
    unknown: 'E8M0 scales: whether the units take them is not published',
  }[status];
  return [
    {
      about: 'format',
      subject: 'e8m0',
      status: status === 'missing' ? 'fallback' : status,
      text,
      basis: basis ?? 'catalogue',
      url,
    },
  ];
}
