/**
 * How the chip's own memory is used. The scratchpad, in this order:
 *
 *   stream     a ring for weights, which transfers fill ahead of use
 *   context    a ring for weights that depend on this step's results: state and chosen experts
 *   operands   MX values: what the matrix unit multiplies weights with, and rows for the state
 *   constants  a ring for what the vector unit only reads: norms, biases, angles, scales of values
 *   tensors    f32 values
 *
 * So no bank serves weights and operands of the matrix unit, and none is read by both units or written by
 * both transfers and the vector unit, but for what is gathered: ports hold nobody up. Counts and lists
 * lie in the `control` memory.
 */
import { CapacityError, ChipError } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import {
  BUFFER_ALIGNMENT_BYTES,
  planMemory,
  type PlannedBuffer,
  type Region,
} from '../../../compile/index.ts';
import { memoriesOf } from '../sim/banks.ts';
import type { RegionName } from './tiles.ts';

/** Parts the scratchpad is shared out in: its banks, or halves of them when there are as few as four. */
const LEAST_PARTS = 8;

/** Regions of values: how they are filled, and the share of the scratchpad they have at least. */
const VALUES = [
  { name: 'operands', policy: 'pack', share: 1 / 4 },
  { name: 'constants', policy: 'ring', share: 0 },
  { name: 'tensors', policy: 'pack', share: 0 },
] as const;

/**
 * Regions for a step with these buffers. Values take the parts they need; the rings of weights share the
 * rest, and keep room for two of their buffers each. Throws ChipError when there are too few banks for
 * that, or banks do not consist of whole words.
 */
export function regionsOf(chip: Chip, buffers: readonly PlannedBuffer[] = []): Region[] {
  requireBanks(chip, 'scratchpad', 4);
  requireBanks(chip, 'accumulator', 2);
  return [...scratchpadRegions(chip, buffers), ...otherRegions(chip)];
}

/** Bytes of the largest buffer of each ring. */
export interface LargestBuffers {
  readonly stream: number;
  readonly context: number;
}

/** Bytes of values that live together. */
export interface ValueBytes {
  operands: number;
  tensors: number;
}

/**
 * Bytes of the rings of weights and of context in a step with buffers that large, beside values of so many
 * bytes, which lie close.
 */
export function ringBytes(
  chip: Chip,
  { stream, context }: LargestBuffers,
  values: ValueBytes,
): LargestBuffers {
  const { parts, partBytes, bank } = partsOf(chip);
  const forStream = Math.max(bank, partsForTwo(stream, partBytes));
  const forContext = Math.max(bank, partsForTwo(context, partBytes));
  let free = parts - sumOf(leastValueParts(parts));
  for (const { name, share } of VALUES) {
    if (name === 'constants') continue;
    const more = Math.ceil(values[name] / partBytes) - Math.max(1, parts * share);
    free -= Math.max(0, Math.min(more, free - forStream - forContext));
  }
  const rings = ringParts(free, forStream, forContext);
  return { stream: rings[0] * partBytes, context: rings[1] * partBytes };
}

/** Parts of the scratchpad, bytes of one, and how many a bank has. */
function partsOf({ scratchpad: { sizeBytes, banks } }: Chip): {
  readonly parts: number;
  readonly partBytes: number;
  readonly bank: number;
} {
  const parts = Math.max(banks, LEAST_PARTS);
  return { parts, partBytes: sizeBytes / parts, bank: parts / banks };
}

/** The rings share `parts` about equally, if `stream` and `context` get what they need. */
function ringParts(
  parts: number,
  stream: number,
  context: number,
): readonly [stream: number, context: number] {
  const wanted = Math.max(context, Math.floor(parts / 2));
  const behind = Math.max(1, Math.min(wanted, parts - stream));
  return [parts - behind, behind];
}

function scratchpadRegions(chip: Chip, buffers: readonly PlannedBuffer[]): Region[] {
  const { parts, partBytes, bank } = partsOf(chip);
  const stream = Math.max(bank, partsForTwo(largestOf(buffers, 'stream'), partBytes));
  const context = Math.max(bank, partsForTwo(largestOf(buffers, 'context'), partBytes));
  const values = valueParts(buffers, parts, parts - stream - context, partBytes);
  const rings = ringParts(parts - sumOf(values), stream, context);
  let start = 0;
  const place = (name: RegionName, count: number, policy: Region['policy']): Region => {
    const placed = region(name, start, count * partBytes, partBytes, policy);
    start += placed.sizeBytes;
    return placed;
  };
  return [
    place('stream', rings[0], 'ring'),
    place('context', rings[1], 'ring'),
    ...VALUES.map(({ name, policy }, i) => place(name, values[i]!, policy)),
  ];
}

function leastValueParts(parts: number): number[] {
  return VALUES.map(({ share }) => Math.max(1, parts * share));
}

/** Parts of each region of values, at most `most` in all if their shares allow it. */
function valueParts(
  buffers: readonly PlannedBuffer[],
  parts: number,
  most: number,
  partBytes: number,
): number[] {
  const counts = leastValueParts(parts);
  VALUES.forEach(({ name, policy }, i) => {
    const own = buffers.filter((buffer) => buffer.region === name);
    const holds = (): boolean =>
      fits(own, region(name, 0, counts[i]! * partBytes, partBytes, policy));
    while (sumOf(counts) < most && !holds()) counts[i]!++;
  });
  return counts;
}

function largestOf(buffers: readonly PlannedBuffer[], name: RegionName): number {
  const sizes = buffers.map((buffer) => (buffer.region === name ? buffer.sizeBytes : 0));
  return sizes.reduce((most, size) => Math.max(most, size), 0);
}

/** Parts that hold two buffers of a ring: one being used, one on its way. */
function partsForTwo(bytes: number, partBytes: number): number {
  return Math.ceil((2 * bytes) / partBytes);
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function region(
  name: RegionName,
  start: number,
  sizeBytes: number,
  bankBytes: number,
  policy: Region['policy'],
): Region {
  return { name, start, sizeBytes, bankBytes, policy };
}

/** Whether a region holds its buffers. */
function fits(buffers: readonly PlannedBuffer[], place: Region): boolean {
  try {
    planMemory(buffers, [place]);
    return true;
  } catch (error) {
    if (error instanceof CapacityError) return false;
    throw error;
  }
}

function otherRegions(chip: Chip): Region[] {
  const { accumulator, control } = chip;
  const { accumulators, 'control memory': memory } = memoriesOf(chip);
  const accumulatorBank = accumulator.sizeBytes / accumulator.banks;
  return [
    region('accumulator', accumulators.start, accumulator.sizeBytes, accumulatorBank, 'rotate'),
    region('control', memory.start, control.sizeBytes, control.sizeBytes, 'ring'),
  ];
}

/** Buffers start at scratchpad words of 64 bytes, in every bank. */
function requireBanks(chip: Chip, memory: 'scratchpad' | 'accumulator', leastBanks: number): void {
  const { sizeBytes, banks } = chip[memory];
  if (banks >= leastBanks && Number.isInteger(sizeBytes / banks / BUFFER_ALIGNMENT_BYTES)) return;
  throw new ChipError(
    `the ${memory} must have at least ${leastBanks} banks, each a multiple of ` +
      `${BUFFER_ALIGNMENT_BYTES} bytes, not ${banks} in ${sizeBytes} bytes`,
    {
      where: `${memory} of ${chip.name}`,
      hint: `use ${leastBanks} banks or more, and a multiple of ${BUFFER_ALIGNMENT_BYTES} bytes for each`,
    },
  );
}
