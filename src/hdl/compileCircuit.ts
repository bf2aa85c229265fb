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
import { constantPlace, move, moveBytes, wordsOf, type Place } from './javascriptWide.ts';
import { evaluate } from './operators.ts';
import { multiply, shiftLeft, shiftRight } from './wideArithmetic.ts';
import type { Memory, MemoryRead, Module, Operation, Register, Signal } from './signal.ts';

/** Characters of a function that V8 still optimises; longer ones stay slow. */
const FUNCTION_LENGTH = 20_000;

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
  const settle = compile(statements, { s, slow, parity, shiftLeft, shiftRight, multiply });
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
    return {
      width,
      words: indices(width).map((i) => `${array}[${offset + i}]`),
      word: (i) => `${array}[${offset} + ${i}]`,
      offset,
    };
  }

  /** The lowest word of a signal. */
  word(scope: Scope, signal: Signal): string {
    return this.place(scope, signal).words[0];
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
  let value = BigInt(array[offset + wordsOf(width) - 1]);
  for (let i = wordsOf(width) - 2; i >= 0; i--) value = (value << 32n) | BigInt(array[offset + i]);
  return value;
}

/** Puts the number into the words from `offset`. */
export function splitWords(array: Uint32Array, offset: number, width: number, value: bigint): void {
  array[offset] = Number(BigInt.asUintN(32, value));
  for (let i = 1; i < wordsOf(width); i++) {
    array[offset + i] = Number(BigInt.asUintN(32, value >> BigInt(32 * i)));
  }
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

/** Checks first, so that a failure leaves all state as it was. What does not change is in `t` already. */
function edgeTexts(layout: Layout, top: Scope): string[] {
  const scopes = top.all();
  const memories = scopes.flatMap(({ module }, k) =>
    module.memories.map((memory) => ({ memory, k })),
  );
  return [
    ...scopes.flatMap((scope) => assertionTexts(layout, scope)),
    ...memories.flatMap(({ memory, k }) => addressChecks(layout, scopes[k], memory)),
    ...scopes.flatMap((scope) =>
      scope.module.registers.map((register) => registerText(layout, scope, register)),
    ),
    ...memories.map(({ memory, k }, i) => memoryText(layout, scopes[k], memory, `m[${i}]`)),
  ];
}

function assertionTexts(layout: Layout, scope: Scope): string[] {
  return scope.module.assertions.map(({ kind, name, condition }) => {
    const noun = kind === 'assert' ? 'assertion' : 'assumption';
    const what = JSON.stringify(`${scope.name(name)}: the ${noun} must hold`);
    return `if (!${layout.reset} && !${layout.word(scope, condition)}) fail(${what});`;
  });
}

/** Addresses in use that could be beyond the last word. */
function addressChecks(layout: Layout, scope: Scope, memory: Memory): string[] {
  const { name, words, read, write } = memory;
  if (Number.isInteger(Math.log2(words))) return [];
  const what = JSON.stringify(`${scope.name(name)}: the address must be below ${words}`);
  return [read, ...(write ? [write] : [])].map(({ address, enable }) => {
    const check = `if (${layout.word(scope, address)} >= ${words}) fail(${what});`;
    return when(layout, scope, enable) + check;
  });
}

function registerText(layout: Layout, scope: Scope, register: Register): string {
  const target = layout.place(scope, register, 't');
  const { enable, reset, next, width } = register;
  const update = `${when(layout, scope, enable)}${copy(target, layout.place(scope, next))}`;
  if (reset === undefined) return update;
  return `if (${layout.reset}) ${copy(target, constantPlace(width, reset))} else ${update}`;
}

function memoryText(layout: Layout, scope: Scope, memory: Memory, array: string): string {
  const { width, read, write, data } = memory;
  const cells: Place = {
    width,
    words: indices(width).map((i) => `${array}[base + ${i}]`),
    word: (i) => `${array}[base + ${i}]`,
  };
  const access = ({ address, enable }: MemoryRead, body: string): string => {
    const base = `${layout.word(scope, address)} * ${wordsOf(width)}`;
    return `${when(layout, scope, enable)}{ const base = ${base}; ${body} }`;
  };
  const fetch = access(read, copy(layout.place(scope, data, 't'), cells));
  if (write === undefined) return fetch;
  const source = layout.place(scope, write.data);
  const store = write.byteEnable
    ? moveBytes(cells, source, layout.place(scope, write.byteEnable))
    : copy(cells, source);
  return `${fetch} ${access(write, store)}`;
}

/** The bits of a word's bytes that four enables choose. */
const BYTE_MASKS = Uint32Array.from({ length: 16 }, (_, enables) => {
  return [0, 1, 2, 3].reduce(
    (mask, byte) => mask | ((enables >> byte) & 1 ? 0xff << (8 * byte) : 0),
    0,
  );
});

function when(layout: Layout, scope: Scope, enable: Signal | undefined): string {
  return enable ? `if (${layout.word(scope, enable)}) ` : '';
}

function copy(target: Place, source: Place): string {
  return `{ ${move(target, source)} }`;
}

/** Functions of bounded length that run the statements one after the other. */
function compile(
  statements: readonly string[],
  context: Readonly<Record<string, unknown>>,
): () => void {
  const bodies = joinUpTo(FUNCTION_LENGTH, statements).map((text) => {
    return `() => { let carry = 0; ${text} }`;
  });
  const make = new Function(...Object.keys(context), `return [${bodies.join(',\n')}];`);
  const functions = make(...Object.values(context)) as readonly (() => void)[];
  return () => {
    for (const run of functions) run();
  };
}

/** The texts in their order, joined to pieces that exceed a length only if a single text does. */
function joinUpTo(length: number, texts: readonly string[]): string[] {
  const pieces: string[][] = [];
  let room = 0;
  for (const text of texts) {
    if (text.length > room) {
      pieces.push([]);
      room = length;
    }
    pieces.at(-1)!.push(text);
    room -= text.length;
  }
  return pieces.map((piece) => piece.join('\n'));
}
