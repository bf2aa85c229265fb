/**
 * Operators as synthesis sees them: without the bits that nothing uses or that are always the same. A gate
 * with one operand that is fixed counts as half of one, rounded up over the operator.
 */
import { countOnes, ones, type LiveBits } from './liveBits.ts';
import type { Operator } from './operators.ts';
import type { Operation, Signal } from './signal.ts';

/** An operator with the widths that are left of it. */
export interface LiveOperator {
  readonly operator: Operator;
  readonly widths: readonly number[];
}

/** What is left of an operation; undefined for nothing. */
export function liveOperator(
  result: Signal,
  operation: Operation,
  live: LiveBits,
): LiveOperator | undefined {
  const found = widthsLeft(result, operation, live);
  return found.widths.every((width) => width > 0) ? found : undefined;
}

function widthsLeft(result: Signal, operation: Operation, live: LiveBits): LiveOperator {
  const { operator, operands } = operation;
  const varying = operands.map((operand) => ones(operand.width) & ~live.fixed(operand).mask);
  const [a, b] = varying as [bigint, bigint];
  const left = live.used(result) & ~live.fixed(result).mask;
  switch (operator) {
    case 'not':
      return { operator, widths: [countOnes(left)] };
    case 'and':
    case 'or':
    case 'xor':
      return { operator, widths: [countOnes(left & a & b)] };
    case 'add':
    case 'sub':
    case 'ltU':
    case 'ltS':
      return { operator, widths: [gates(a, b)] };
    case 'eq':
      return a === 0n || b === 0n
        ? { operator: 'reduceAnd', widths: [countOnes(a | b)] }
        : { operator, widths: [gates(a, b)] };
    case 'mulU':
    case 'mulS':
      return { operator, widths: operands.map((operand) => factorBits(operand, live)) };
    case 'shl':
    case 'shr':
    case 'sra':
      return { operator, widths: [movedBits(operation, a, live.used(result), b), 1] };
    case 'mux':
      return { operator, widths: choices(operation, left, live) };
    default:
      return { operator, widths: varying.map(countOnes) };
  }
}

/** Of two operands, bit for bit. */
function gates(a: bigint, b: bigint): number {
  return countOnes(a & b) + Math.ceil(countOnes(a ^ b) / 2);
}

/** Rows or columns of partial products. */
function factorBits(factor: Signal, live: LiveBits): number {
  const { mask, value } = live.fixed(factor);
  return countOnes((ones(factor.width) & ~mask) | value);
}

/**
 * Bits that are moved, of all stages together: a stage for each bit of the amount that is not fixed, the
 * lowest first. A stage moves the bits that later ones need, and of them those that can differ.
 */
function movedBits(
  { operator, operands }: Operation,
  source: bigint,
  used: bigint,
  amount: bigint,
): number {
  const { width } = operands[0]!;
  const all = ones(width);
  const up = operator === 'shl';
  const stages = stagesOf(amount, width);
  const reached = [source];
  for (const by of stages) {
    const from = reached.at(-1)!;
    reached.push(from | ((up ? from << by : from >> by) & all));
  }
  let needed = used;
  let moved = 0;
  for (const [i, by] of [...stages.entries()].toReversed()) {
    const from = reached[i]!;
    const shifted = (up ? from << by : from >> by) & all;
    moved += gates(from & needed, shifted & needed);
    needed |= (up ? needed >> by : needed << by) & all;
  }
  return moved;
}

/** Distances below the width. */
function stagesOf(amount: bigint, width: number): bigint[] {
  const stages: bigint[] = [];
  for (let bit = 0; 2 ** bit < width; bit++)
    if ((amount >> BigInt(bit)) & 1n) stages.push(2n ** BigInt(bit));
  return stages;
}

/** Options and bits; where options are fixed or the same, those of as many choices between two as are left. */
function choices({ operands }: Operation, left: bigint, live: LiveBits): number[] {
  const [, ...options] = operands;
  const differ = new Set(options).size === options.length;
  const varying = options.map((option) => left & ~live.fixed(option).mask);
  if (differ && varying.every((bits) => bits === left)) return [options.length, countOnes(left)];
  if (differ && options.length === 2) return [2, gates(varying[0]!, varying[1]!)];
  return [2, Math.ceil(treeSize(options, left, live))];
}

/**
 * The size of the decision trees of a choice's bits. Equal branches are one, also those of different bits.
 * What the index alone decides costs nothing; a choice between a signal and a constant counts as half.
 */
function treeSize(options: readonly Signal[], bits: bigint, live: LiveBits): number {
  const leaves = leavesOf(options, live);
  const firstNode = 2 + options.length * options[0]!.width;
  const nodes = new Map<number, number>();
  let size = 0;
  const branch = (level: number, low: number, high: number): number => {
    if (low === high) return low;
    const key = (level * 2 ** 24 + low) * 2 ** 24 + high;
    const known = nodes.get(key);
    if (known !== undefined) return known;
    size += 1 - (Number(low < 2) + Number(high < 2)) / 2;
    nodes.set(key, firstNode + nodes.size);
    return firstNode + nodes.size - 1;
  };
  for (const bit of placesOf(bits)) {
    const row = leaves.map((option) => option[bit]!);
    // An index without an option takes the last, so an odd end goes on as it is.
    for (let level = 0, length = row.length; length > 1; level++) {
      const pairs = Math.ceil(length / 2);
      for (let i = 0; i < pairs; i++)
        row[i] = branch(level, row[2 * i]!, row[Math.min(2 * i + 1, length - 1)]!);
      length = pairs;
    }
  }
  return size;
}

/** Bits of the options as numbers: 0 and 1 are constants, bits of signals have one of their own. */
function leavesOf(options: readonly Signal[], live: LiveBits): number[][] {
  const known = new Map<Signal, number[]>();
  return options.map((option, i) =>
    known.getOrInsertComputed(option, () => {
      const { mask, value } = live.fixed(option);
      const { width } = option;
      const [fixed, values] = [digits(mask, width), digits(value, width)];
      return Array.from({ length: width }, (_, bit) =>
        fixed.at(-1 - bit) === '1' ? Number(values.at(-1 - bit)) : 2 + i * width + bit,
      );
    }),
  );
}

/** The lowest bit last. */
function digits(bits: bigint, width: number): string {
  return bits.toString(2).padStart(width, '0');
}

/** Places of the bits that are 1. */
function placesOf(bits: bigint): number[] {
  const text = bits.toString(2);
  const places: number[] = [];
  for (let bit = 0; bit < text.length; bit++) if (text.at(-1 - bit) === '1') places.push(bit);
  return places;
}
