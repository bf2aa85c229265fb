/**
 * What a module is made of, for estimates of area, power and delay.
 *
 * Wiring (slices, concatenations, shifts by a constant, names) is free and assertions are not hardware,
 * so neither is counted. An external module counts as one of itself.
 */
import type { Operator } from './operators.ts';
import { liveBits } from './liveBits.ts';
import { liveOperator, type LiveOperator } from './liveOperators.ts';
import type { Memory, Module, Operation, Register } from './signal.ts';

/** Operators of one kind and size. */
export interface OperatorCount {
  readonly operator: Operator;
  /** Bits of the operands that are left (`liveOperator`); of a product both; of a mux options and width. */
  readonly widths: readonly number[];
  readonly count: number;
}

/** Memories of one shape. */
export interface MemoryCount {
  readonly words: number;
  readonly width: number;
  /** 1 if reads and writes share the address or there are no writes, else 2. */
  readonly ports: 1 | 2;
  /** Whether single bytes can be written. */
  readonly byteEnables: boolean;
  readonly count: number;
}

export interface ExternalCount {
  readonly name: string;
  readonly count: number;
}

/** Counts, each list sorted. */
export interface Counts {
  readonly operators: readonly OperatorCount[];
  readonly registerBits: number;
  readonly memories: readonly MemoryCount[];
  readonly memoryBits: number;
  readonly externals: readonly ExternalCount[];
}

/** One module: what is in it alone, what is in it with all inside, and the instances. */
export interface Inventory {
  readonly module: string;
  readonly own: Counts;
  readonly total: Counts;
  readonly instances: readonly { readonly name: string; readonly inventory: Inventory }[];
}

/** Counts a module and all inside; an inner module that occurs often is counted once and shared. */
export function inventory(module: Module, known = new Map<Module, Inventory>()): Inventory {
  const found = known.get(module);
  if (found) return found;
  const instances = (module.external ? [] : module.instances).map((instance) => {
    return { name: instance.name, inventory: inventory(instance.module, known) };
  });
  const own = countOwn(module);
  const total = addCounts([own, ...instances.map(({ inventory }) => inventory.total)]);
  const result = { module: module.name, own, total, instances };
  known.set(module, result);
  return result;
}

/** The sum of several counts. */
export function addCounts(parts: readonly Counts[]): Counts {
  return {
    operators: merge(
      parts.flatMap(({ operators }) => operators),
      ({ operator, widths }) => [operator, ...widths],
    ),
    registerBits: parts.reduce((sum, { registerBits }) => sum + registerBits, 0),
    memories: merge(
      parts.flatMap(({ memories }) => memories),
      ({ words, width, ports, byteEnables }) => [words, width, ports, Number(byteEnables)],
    ),
    memoryBits: parts.reduce((sum, { memoryBits }) => sum + memoryBits, 0),
    externals: merge(
      parts.flatMap(({ externals }) => externals),
      ({ name }) => [name],
    ),
  };
}

function countOwn(module: Module): Counts {
  const nothing: Counts = addCounts([]);
  if (module.external) return { ...nothing, externals: [{ name: module.name, count: 1 }] };
  const live = liveBits(module);
  const operators = live.order.flatMap((signal) => {
    const { source } = signal;
    if (source.kind !== 'operation' || isWiring(source)) return [];
    return liveOperator(signal, source, live) ?? [];
  });
  const one: Counts = {
    ...nothing,
    operators: [...operators, ...module.registers.flatMap(choicesOf)].map((each) => ({
      ...each,
      count: 1,
    })),
    registerBits: module.registers.reduce((sum, { width }) => sum + width, 0),
    memories: module.memories.map(countMemory),
    memoryBits: module.memories.reduce((sum, { words, width }) => sum + words * width, 0),
  };
  return addCounts([one]);
}

function isWiring({ operator }: Operation): boolean {
  return operator === 'slice' || operator === 'concat';
}

/** A flop takes what it is given: that a register waits is a choice before it, a reset a gate. */
function choicesOf({ width, enable, reset }: Register): LiveOperator[] {
  return [
    ...(enable === undefined ? [] : [{ operator: 'mux', widths: [2, width] } as const]),
    ...(reset === undefined ? [] : [{ operator: 'and', widths: [width] } as const]),
  ];
}

function countMemory({ words, width, read, write }: Memory): MemoryCount {
  const shared = write === undefined || read.address === write.address;
  const byteEnables = write?.byteEnable !== undefined;
  return { words, width, ports: shared ? 1 : 2, byteEnables, count: 1 };
}

type Key = readonly (string | number)[];

/** Adds the counts of equal things, and sorts: by name, then by numbers. */
function merge<C extends { readonly count: number }>(
  counts: readonly C[],
  keyOf: (c: C) => Key,
): C[] {
  const groups = Map.groupBy(counts, (count) => keyOf(count).join(' '));
  return [...groups.values()]
    .map((group) => ({ ...group[0], count: group.reduce((sum, { count }) => sum + count, 0) }))
    .toSorted((a, b) => compareKeys(keyOf(a), keyOf(b)));
}

function compareKeys(a: Key, b: Key): number {
  const i = a.findIndex((part, i) => part !== b[i]);
  if (i < 0) return 0;
  return a[i] < b[i] ? -1 : 1;
}
