/**
 * Which bits of a module's signals are hardware: those that something uses and that are not always the
 * same. Synthesis leaves out the others, so an inventory does. Masks have a bit for each bit of a signal.
 */
import { dependenciesOf, dependencyOrder, hardwareRoots } from './order.ts';
import type { Module, Operation, Signal } from './signal.ts';

/** Bits that are always the same, and what they are. */
interface Fixed {
  readonly mask: bigint;
  readonly value: bigint;
}

export interface LiveBits {
  /** Signals that hardware needs, each after what it depends on. */
  readonly order: readonly Signal[];
  fixed(signal: Signal): Fixed;
  used(signal: Signal): bigint;
}

export function liveBits(module: Module): LiveBits {
  const roots = hardwareRoots(module);
  const order = dependencyOrder(roots, dependenciesOf, neverLoops);
  const fixed = findFixed(order);
  const used = findUsed(roots, order);
  return {
    order,
    fixed: (signal) => fixed.get(signal)!,
    used: (signal) => used.get(signal) ?? 0n,
  };
}

function neverLoops(): never {
  throw new Error('a finished module has no loops');
}

const NOTHING: Fixed = { mask: 0n, value: 0n };

const masks = new Map<number, bigint>();

/** Every bit of a width. */
export function ones(width: number): bigint {
  return masks.getOrInsertComputed(width, () => (1n << BigInt(width)) - 1n);
}

function findFixed(order: readonly Signal[]): Map<Signal, Fixed> {
  const found = new Map<Signal, Fixed>();
  for (const signal of order)
    found.set(
      signal,
      fixedBits(signal, (operand) => found.get(operand)!),
    );
  return found;
}

function fixedBits({ width, source }: Signal, of: (operand: Signal) => Fixed): Fixed {
  if (source.kind === 'constant') return { mask: ones(width), value: source.value };
  if (source.kind === 'wire') return of(source.driver!);
  if (source.kind !== 'operation') return NOTHING;
  const operands = source.operands.map(of);
  const [a, b] = operands as [Fixed, Fixed];
  switch (source.operator) {
    case 'slice':
      return cut(a, source.low, width);
    case 'concat':
      return joined(source.operands, of);
    case 'not':
      return { mask: a.mask, value: a.mask & ~a.value };
    case 'and':
      return decided(a, b, 0n);
    case 'or':
      return decided(a, b, ones(width));
    case 'mux':
      return operands.slice(1).reduce(common);
    default:
      return NOTHING;
  }
}

function cut({ mask, value }: Fixed, low: number, width: number): Fixed {
  const part = (bits: bigint): bigint => (bits >> BigInt(low)) & ones(width);
  return { mask: part(mask), value: part(value) };
}

/** The first is the highest. */
function joined(parts: readonly Signal[], of: (part: Signal) => Fixed): Fixed {
  let [mask, value] = [0n, 0n];
  for (const part of parts) {
    const [fixed, width] = [of(part), BigInt(part.width)];
    mask = (mask << width) | fixed.mask;
    value = (value << width) | fixed.value;
  }
  return { mask, value };
}

/** Bits that both fix, and those that one fixes at what decides the result. */
function decided(a: Fixed, b: Fixed, decisive: bigint): Fixed {
  const decides = ({ mask, value }: Fixed): bigint => mask & ~(value ^ decisive);
  const either = decides(a) | decides(b);
  return {
    mask: either | (a.mask & b.mask),
    value: (either & decisive) | (a.mask & b.mask & ~either & ~decisive),
  };
}

function common(a: Fixed, b: Fixed): Fixed {
  const mask = a.mask & b.mask & ~(a.value ^ b.value);
  return { mask, value: mask & a.value };
}

/** Bits that what uses a signal needs of it. Operands come to their turn after all that uses them. */
function findUsed(roots: readonly Signal[], order: readonly Signal[]): Map<Signal, bigint> {
  const found = new Map(roots.map((root) => [root, ones(root.width)]));
  const add = (signal: Signal, bits: bigint): unknown =>
    found.set(signal, (found.get(signal) ?? 0n) | bits);
  for (const signal of order.toReversed()) {
    const used = found.get(signal) ?? 0n;
    const { source } = signal;
    if (used === 0n) continue;
    if (source.kind === 'wire') add(source.driver!, used);
    else if (source.kind === 'operation') addOperands(source, used, add);
    else for (const operand of dependenciesOf(signal)) add(operand, ones(operand.width));
  }
  return found;
}

function addOperands(
  { operator, operands, low }: Operation,
  used: bigint,
  add: (signal: Signal, bits: bigint) => unknown,
): void {
  const [first, ...others] = operands as [Signal, ...Signal[]];
  const all = (signal: Signal): unknown => add(signal, ones(signal.width));
  switch (operator) {
    case 'slice':
      return void add(first, used << BigInt(low));
    case 'concat':
      return addParts(operands, used, add);
    case 'not':
    case 'and':
    case 'or':
    case 'xor':
      return operands.forEach((operand) => add(operand, used));
    case 'mux':
      all(first);
      return others.forEach((option) => add(option, used));
    case 'add':
    case 'sub':
      return operands.forEach((operand) => add(operand, ones(highest(used))));
    case 'shl':
      add(first, ones(highest(used)));
      return others.forEach(all);
    case 'shr':
      add(first, ones(first.width) & ~ones(lowest(used)));
      return others.forEach(all);
    default:
      return operands.forEach(all);
  }
}

function addParts(
  parts: readonly Signal[],
  used: bigint,
  add: (signal: Signal, bits: bigint) => unknown,
): void {
  let low = 0;
  for (const part of parts.toReversed()) {
    add(part, (used >> BigInt(low)) & ones(part.width));
    low += part.width;
  }
}

/** The place after the highest bit that is 1. */
function highest(bits: bigint): number {
  return bits.toString(2).length;
}

/** The place of the lowest bit that is 1. */
function lowest(bits: bigint): number {
  return highest(bits & -bits) - 1;
}

/** How many bits are 1. */
export function countOnes(bits: bigint): number {
  return bits.toString(2).replaceAll('0', '').length;
}
