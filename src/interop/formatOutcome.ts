/** Formats of weights that the units of a chip lack, what they become, and the bytes that takes. */
import { formatBytes } from '../base/index.ts';
import {
  chipClassIn,
  formatSupport,
  type Accelerator,
  type SoftwareStack,
  type UnitFormat,
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
  type Group,
  type PrecisionName,
  type WeightFormat,
} from './precision.ts';

/** How weights are held and multiplied on a chip, and what was found. */
export interface FormatOutcome {
  /** In memory. */
  readonly formats: Formats;
  /** In the units. */
  readonly computes: Readonly<Record<Group, UnitFormat>>;
  readonly findings: readonly Finding[];
}

/** What becomes of one format. */
interface Fate {
  readonly held: WeightFormat;
  readonly computed: UnitFormat;
  readonly finding: Finding;
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
  const fates = new Map(
    GROUPS.map((group) => [
      wanted[group],
      fateOf(wanted[group], unitFor(wanted[group], computes), chip, units, stack),
    ]),
  );
  const byGroup = <T>(of: (fate: Fate) => T): Record<Group, T> =>
    Object.fromEntries(GROUPS.map((group) => [group, of(fates.get(wanted[group])!)])) as Record<
      Group,
      T
    >;
  const formats = byGroup(({ held }) => held);
  const present = new Set(GROUPS.filter((group) => facts.groups[group] > 0).map((g) => wanted[g]));
  const findings = [...present].map((format) => fates.get(format)!.finding);
  return {
    formats,
    computes: byGroup(({ computed }) => computed),
    findings: [
      ...expansion(facts, wanted, formats, findings),
      ...scaleFinding(facts, precision, chip, units),
    ],
  };
}

/** What weights of a format are multiplied in: plain ones as they are, others as the precision says. */
function unitFor(format: WeightFormat, computes: UnitFormat | undefined): UnitFormat {
  const own = UNIT_FORMAT_OF[format];
  return own === 'bf16' ? own : (computes ?? own);
}

function fateOf(
  format: WeightFormat,
  unit: UnitFormat,
  chip: Accelerator,
  units: UnitFormats,
  stack: SoftwareStack | undefined,
): Fate {
  const { status, basis = 'catalogue', url } = formatSupport(chip, unit, units);
  const where = { about: 'format', subject: unit } as const;
  if (status !== 'missing') {
    const text = `${format} weights: ${status === 'native' ? 'multiplied natively' : 'whether the units multiply them is not published'}`;
    // Activations beside weights in FP4 are in FP8, and so is the rate.
    const computed = unit === 'mxfp4' ? 'fp8' : unit;
    return { held: format, computed, finding: { ...where, status, text, basis, url } };
  }
  const chipClass = stack && chipClassIn(stack, chip.id);
  const row = stack?.formats.find(
    (each) => each.format === unit && each.chips.includes(chipClass ?? ''),
  );
  const plain = formatSupport(chip, 'bf16', units).status === 'missing' ? 'fp16' : 'bf16';
  const becomes = replacement(row?.becomes, plain);
  const inKernel = row?.where === 'kernel';
  const when = inKernel ? 'in the kernel and stay as they are in memory' : 'when loaded';
  const note = row?.note ? `; ${row.note}` : '';
  const text = `${format} weights: no ${unit} in the matrix units; become ${becomes} ${when}${note}`;
  const source = row && stack ? sourceOf(stack, row) : { basis, url };
  return {
    held: inKernel ? format : becomes,
    computed: UNIT_FORMAT_OF[becomes],
    finding: { ...where, status: 'fallback', text, ...source },
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
