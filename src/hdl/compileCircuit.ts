/**
 * Compiles a module and all inside to JavaScript.
 *
 * The hierarchy is flattened. One `Uint32Array` holds every value, state at its start. `settle` has one
 * statement for each operation, in the order of the data; `edge` computes the new state beside the old
 * and copies it over, so all registers change at once. Long code is cut into functions that the
 * JavaScript engine is willing to optimise.
 */
import { Bits } from './bits.ts';
import { flatOperations, Scope, type FlatNode } from './flatten.ts';
import { statementOf } from './javascript.ts';
import { constantPlace, wordsOf, type Place } from './javascriptWide.ts';
import { evaluate } from './operators.ts';
import type { Memory, Module, Operation, Register, Signal } from './signal.ts';

const STATEMENTS_IN_FUNCTION = 500;

/** A circuit that runs. */
export interface CompiledCircuit {
  readonly top: Scope;
  /** Computes all operations from state and inputs. */
  settle(): void;
  /** One edge of the clock, after `settle`. */
  edge(): void;
  /** The value of a signal as of the last `settle`, and of a state as of the last edge. */
  read(node: FlatNode): bigint;
  /** Sets an input of the top; `reset` is the name of the reset. */
  write(input: FlatNode | 'reset', value: bigint): void;
  /** The words of each memory by its hierarchical name, each `wordsOf(width)` long, lowest first. */
  readonly memories: ReadonlyMap<string, MemoryWords>;
}

export interface MemoryWords {
  readonly memory: Memory;
  readonly array: Uint32Array;
}

/** Compiles; `fail` is called with a sentence if an assertion or an address is wrong. */
export function compileCircuit(module: Module, fail: (what: string) => never): CompiledCircuit {
  const top = new Scope(module);
  const operations = flatOperations(top);
  const layout = new Layout(top, operations);
  const s = new Uint32Array(layout.words);
  const t = s.slice(0, layout.stateWords);
  const memories = new Map<string, MemoryWords>();
  const m = top.all().flatMap((scope) =>
    scope.module.memories.map((memory) => {
      const array = initialWords(memory);
      memories.set(scope.name(memory.name), { memory, array });
      return array;
    }),
  );

  const slow: (() => void)[] = [];
  const read = (node: FlatNode): bigint => layout.read(s, node);
  const statements = operations.map((node) => {
    const slowly = (): number => slow.push(() => layout.write(s, node, compute(node, read))) - 1;
    return operationText(layout, node) ?? `slow[${slowly()}]();`;
  });
  const settle = compile(statements, { s, slow, parity });
  const advance = compile(edgeTexts(layout, top), { s, t, m, fail, byteMasks: BYTE_MASKS });
  return {
    top,
    settle,
    edge() {
      advance();
      s.set(t);
    },
    read,
    write: (input, value) => layout.write(s, input, value),
    memories,
  };
}

/** Where each value lies: state, reset, inputs, operations. */
class Layout {
  readonly stateWords: number;
  #words = 0;
  readonly #offsets = new Map<FlatNode | 'reset', number>();

  constructor(top: Scope, operations: readonly FlatNode[]) {
    for (const scope of top.all()) {
      const { registers, memories } = scope.module;
      const state = [...registers, ...memories.map(({ data }) => data)];
      for (const signal of state) this.#allocate(scope.node(signal), signal.width);
    }
    this.stateWords = this.#words;
    this.#allocate('reset', 1);
    for (const signal of Object.values(top.module.inputs)) {
      this.#allocate(top.node(signal), signal.width);
    }
    for (const node of operations) this.#allocate(node, node.signal.width);
  }

  get words(): number {
    return this.#words;
  }

  place(scope: Scope, signal: Signal, array: 's' | 't' = 's'): Place {
    const node = scope.resolve(signal);
    const { width, source } = node.signal;
    if (source.kind === 'constant') return constantPlace(width, source.value);
    const offset = this.#offsets.get(node)!;
    return { width, words: indices(width).map((i) => `${array}[${offset + i}]`) };
  }

  get reset(): string {
    return `s[${this.#offsets.get('reset')}]`;
  }

  read(array: Uint32Array, node: FlatNode): bigint {
    const { width, source } = node.signal;
    if (source.kind === 'constant') return source.value;
    return joinWords(array, this.#offsets.get(node)!, width);
  }

  write(array: Uint32Array, node: FlatNode | 'reset', value: bigint): void {
    const width = node === 'reset' ? 1 : node.signal.width;
    splitWords(array, this.#offsets.get(node)!, width, value);
  }

  #allocate(node: FlatNode | 'reset', width: number): void {
    this.#offsets.set(node, this.#words);
    this.#words += wordsOf(width);
  }
}

function indices(width: number): number[] {
  return Array.from({ length: wordsOf(width) }, (_, i) => i);
}

/** The number in the words from `offset`. */
export function joinWords(array: Uint32Array, offset: number, width: number): bigint {
  return indices(width).reduceRight((all, i) => (all << 32n) | BigInt(array[offset + i]), 0n);
}

/** Puts the number into the words from `offset`. */
export function splitWords(array: Uint32Array, offset: number, width: number, value: bigint): void {
  for (const i of indices(width))
    array[offset + i] = Number((value >> BigInt(32 * i)) & 0xffffffffn);
}

function initialWords({ words, width, init }: Memory): Uint32Array {
  const array = new Uint32Array(words * wordsOf(width));
  for (const [i, word] of init.entries()) splitWords(array, i * wordsOf(width), width, word);
  return array;
}

function compute({ scope, signal }: FlatNode, read: (node: FlatNode) => bigint): bigint {
  const { operator, operands, low } = signal.source as Operation;
  const values = operands.map((operand) => {
    return new Bits(operand.width, read(scope.resolve(operand)));
  });
  return evaluate(operator, values, signal.width, low);
}

/** 1 if an odd number of the bits of a word is 1. */
function parity(word: number): number {
  let folded = word;
  for (let shift = 16; shift > 0; shift >>= 1) folded ^= folded >>> shift;
  return folded & 1;
}

function operationText(layout: Layout, { scope, signal }: FlatNode): string | undefined {
  const { operator, operands, low } = signal.source as Operation;
  const places = operands.map((operand) => layout.place(scope, operand));
  return statementOf(operator, layout.place(scope, signal), places, low);
}

/** Assertions first, so that a failure leaves the state as it was. */
function edgeTexts(layout: Layout, top: Scope): string[] {
  const scopes = top.all();
  let memories = 0;
  return [
    ...scopes.flatMap((scope) =>
      scope.module.assertions.map(({ name, condition }) => {
        const [word] = layout.place(scope, condition).words;
        const what = JSON.stringify(`${scope.name(name)}: the assertion must hold`);
        return `if (!${layout.reset} && !${word}) fail(${what});`;
      }),
    ),
    ...scopes.flatMap((scope) =>
      scope.module.registers.map((register) => registerText(layout, scope, register)),
    ),
    ...scopes.flatMap((scope) =>
      scope.module.memories.map((memory) => memoryText(layout, scope, memory, `m[${memories++}]`)),
    ),
  ];
}

function registerText(layout: Layout, scope: Scope, register: Register): string {
  const { words: target } = layout.place(scope, register, 't');
  const { words: old } = layout.place(scope, register);
  const { words: next } = layout.place(scope, register.next);
  const { enable, reset, width } = register;
  const update =
    enable === undefined
      ? copy(target, next)
      : `if (${layout.place(scope, enable).words[0]}) ${copy(target, next)} else ${copy(target, old)}`;
  if (reset === undefined) return update;
  return `if (${layout.reset}) ${copy(target, constantPlace(width, reset).words)} else ${update}`;
}

function memoryText(layout: Layout, scope: Scope, memory: Memory, array: string): string {
  const { name, words, width, read, write, data } = memory;
  const { words: target } = layout.place(scope, data, 't');
  const { words: old } = layout.place(scope, data);
  const cells = indices(width).map((i) => `${array}[address * ${wordsOf(width)} + ${i}]`);
  const what = JSON.stringify(`${scope.name(name)}: the address must be below ${words}`);
  const check = Number.isInteger(Math.log2(words))
    ? ''
    : `if (address >= ${words}) fail(${what}); `;
  const access = (address: Signal, body: string): string => {
    return `{ const address = ${layout.place(scope, address).words[0]}; ${check}${body} }`;
  };
  const when = (enable: Signal | undefined): string =>
    enable ? `if (${layout.place(scope, enable).words[0]}) ` : '';
  const fetch = `${when(read.enable)}${access(read.address, copy(target, cells))}`;
  const keep = read.enable ? ` else ${copy(target, old)}` : '';
  if (write === undefined) return fetch + keep;
  const store = storeText(
    cells,
    layout.place(scope, write.data).words,
    write.byteEnable && layout.place(scope, write.byteEnable).words,
  );
  return `${fetch}${keep} ${when(write.enable)}${access(write.address, store)}`;
}

/** All words of the memory's word, or only the enabled bytes of each. */
function storeText(
  cells: readonly string[],
  data: readonly string[],
  byteEnable: readonly string[] | undefined,
): string {
  if (byteEnable === undefined) return copy(cells, data);
  const merged = cells.map((cell, i) => {
    const enables = `${byteEnable[i >> 3]} >>> ${(4 * i) % 32} & 15`;
    return `{ const mask = byteMasks[${enables}]; ${cell} = ${cell} & ~mask | ${data[i]} & mask; }`;
  });
  return `{ ${merged.join(' ')} }`;
}

/** The bits of a word's bytes that four enables choose. */
const BYTE_MASKS = Uint32Array.from({ length: 16 }, (_, enables) => {
  return [0, 1, 2, 3].reduce(
    (mask, byte) => mask | ((enables >> byte) & 1 ? 0xff << (8 * byte) : 0),
    0,
  );
});

function copy(target: readonly string[], source: readonly string[]): string {
  return `{ ${target.map((word, i) => `${word} = ${source[i]};`).join(' ')} }`;
}

/** Functions of bounded length that run the statements one after the other. */
function compile(
  statements: readonly string[],
  context: Readonly<Record<string, unknown>>,
): () => void {
  const count = Math.ceil(statements.length / STATEMENTS_IN_FUNCTION);
  const bodies = Array.from({ length: count }, (_, i) => {
    const start = i * STATEMENTS_IN_FUNCTION;
    const chunk = statements.slice(start, start + STATEMENTS_IN_FUNCTION);
    return `() => { let carry = 0; ${chunk.join('\n')} }`;
  });
  const make = new Function(...Object.keys(context), `return [${bodies.join(',\n')}];`);
  const functions = make(...Object.values(context)) as readonly (() => void)[];
  return () => {
    for (const run of functions) run();
  };
}
