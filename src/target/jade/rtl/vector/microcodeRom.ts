/**
 * The microcode as words for the sequencer: what the lanes do, and which word comes next.
 *
 * After a word the sequencer goes back to `innerTarget` while its window or fold loop goes on, else back
 * to `outerTarget` while the loop around that goes on, else to `skipTarget` if the skip applies, else to
 * the next word; or the program ends. Loops and variants of the table become these fields here.
 */
import { CeladonError } from '../../../../base/index.ts';
import type { Signal } from '../../../../hdl/index.ts';
import {
  CONSTANTS,
  FIELD_CONSTANTS,
  LOADS,
  OPERATIONS,
  STORES,
  type Condition,
  type LoopKind,
  type MicroOp,
  type Piece,
  type Program,
  type Source,
} from '../../vector/microOps.ts';
import { MICROCODE, type ProgramName } from '../../vector/microcode.table.ts';

export const PROGRAM_NAMES = Object.keys(MICROCODE) as ProgramName[];
export const OPERATION_NAMES = Object.keys(OPERATIONS) as (keyof typeof OPERATIONS)[];
export const LOAD_NAMES = Object.keys(LOADS) as (keyof typeof LOADS)[];
export const STORE_NAMES = Object.keys(STORES) as (keyof typeof STORES)[];
export const CONSTANT_NAMES = [
  ...(Object.keys(CONSTANTS) as (keyof typeof CONSTANTS)[]),
  'absent',
  ...FIELD_CONSTANTS,
] as const;
export const A_SOURCES: readonly Source[] = [
  'acc',
  'register',
  'memory',
  'constant',
  'index',
  'foldLow',
  'swap',
];
export const B_SOURCES: readonly Source[] = ['acc', 'register', 'memory', 'constant', 'foldHigh'];
export const FORMS = ['plain', 'mantissa', 'rootMantissa', 'scale'] as const;
export const MASKS = ['none', 'visible', 'group', 'lane'] as const;
export const INNER_LOOPS = ['none', 'windows', 'fold'] as const;
export const OUTER_LOOPS = ['none', 'columns', 'groups', 'topGroups', 'topK', 'terms'] as const;
export const CONDITIONS: readonly Condition[] = [
  'scaled',
  'biased',
  'softmax',
  'sigmoid',
  'grouped',
  'limited',
  'normalize',
  'accumulate',
  'groupByBest',
];
/** Codes of `skip`: never, always, then for each condition: when it fails, when it holds. */
const [NEVER, ALWAYS] = [0, 1];
const skipCode = (condition: Condition, is: boolean): number =>
  2 + 2 * CONDITIONS.indexOf(condition) + Number(is);

/** Bits of the fields of a word, the lowest field first. A load or store of 0 is none. */
export const WORD_FIELDS = {
  operation: 5,
  a: 3,
  b: 3,
  negateAll: 1,
  negateEven: 1,
  form: 2,
  constant: 5,
  load: 4,
  mask: 2,
  register: 3,
  saves: 1,
  save: 3,
  store: 3,
  innerLoop: 2,
  innerTarget: 9,
  outerLoop: 3,
  outerTarget: 9,
  skip: 5,
  skipTarget: 9,
  last: 1,
} as const;
export type WordField = keyof typeof WORD_FIELDS;
export const TARGET_BITS = WORD_FIELDS.innerTarget;
export const WORD_BITS = Object.values(WORD_FIELDS).reduce((sum, bits) => sum + bits, 0);

/** A word in the hardware, by its fields. */
export type Word = Readonly<Record<WordField, Signal>>;

export function unpackWord(packed: Signal): Word {
  let at = 0;
  const fields = Object.entries(WORD_FIELDS).map(([name, bits]) => {
    const field = packed.slice(at + bits - 1, at);
    at += bits;
    return [name, field];
  });
  return Object.fromEntries(fields) as Word;
}

type Content = Record<WordField, number>;
type Facts = ReadonlyMap<Condition, boolean>;

/** A way out of a word to whatever comes next: always, or only if a condition has a value. */
interface Exit {
  readonly word: Content;
  readonly index: number;
  readonly facts: Facts;
  readonly skip: number | undefined;
}

export interface Rom<N extends string = ProgramName> {
  readonly words: readonly bigint[];
  /** Index of the first word of each program. */
  readonly entries: Readonly<Record<N, number>>;
}

/** Assembles programs into one ROM. Throws where one needs what a word cannot say. */
export function assemblePrograms<N extends string>(programs: Readonly<Record<N, Program>>): Rom<N> {
  const words: Content[] = [];
  const entries = (Object.keys(programs) as N[]).map((name) => {
    const entry = words.length;
    const exits = new Assembler(words, name).pieces(programs[name].body, [], new Map());
    for (const { word } of exits) word.last = 1;
    return [name, entry];
  });
  return {
    words: words.map(packWord),
    entries: Object.fromEntries(entries) as Rom<N>['entries'],
  };
}

/** The ROM of the vector unit. */
export function assembleRom(): Rom {
  return assemblePrograms<ProgramName>(MICROCODE);
}

class Assembler {
  readonly #words: Content[];
  readonly #program: string;

  constructor(words: Content[], program: string) {
    this.#words = words;
    this.#program = program;
  }

  /** Appends pieces that the exits lead to; returns the exits after them. */
  pieces(pieces: readonly Piece[], before: readonly Exit[], facts: Facts): Exit[] {
    return pieces.reduce<Exit[]>((exits, piece) => this.#piece(piece, exits, facts), [...before]);
  }

  #piece(piece: Piece, exits: readonly Exit[], facts: Facts): Exit[] {
    if ('when' in piece) return this.#variant(piece.when, piece.is, piece.body, exits, facts);
    const index = this.#words.length;
    for (const exit of exits) link(exit, index);
    if ('loop' in piece) return this.#loop(piece.loop, piece.body, facts);
    const word = wordOf(piece);
    this.#words.push(word);
    return [{ word, index, facts, skip: undefined }];
  }

  #loop(kind: LoopKind, body: readonly Piece[], facts: Facts): Exit[] {
    const start = this.#words.length;
    const [first] = body;
    if (first === undefined || 'when' in first) this.#fail('a loop must begin with an operation');
    const exits = this.pieces(body, [], facts);
    for (const { word, skip } of exits) {
      if (skip !== undefined) this.#fail('a loop must end with an operation on every path');
      if (kind === 'windows' || kind === 'fold') {
        word.innerLoop = INNER_LOOPS.indexOf(kind);
        word.innerTarget = start;
      } else {
        word.outerLoop = OUTER_LOOPS.indexOf(kind);
        word.outerTarget = start;
      }
    }
    return exits;
  }

  #variant(
    condition: Condition,
    is: boolean,
    body: readonly Piece[],
    exits: readonly Exit[],
    facts: Facts,
  ): Exit[] {
    const around: Exit[] = [];
    const into: Exit[] = [];
    for (const exit of exits) {
      const known = exit.facts.get(condition);
      if (known === !is) around.push(exit);
      else into.push(exit);
      if (known !== undefined) continue;
      if (exit.skip !== undefined) this.#fail('two conditions must have an operation between them');
      const others = new Map([...exit.facts, [condition, !is] as const]);
      around.push({ ...exit, facts: others, skip: skipCode(condition, !is) });
    }
    const inside = new Map([...facts, [condition, is] as const]);
    return [...around, ...this.pieces(body, into, inside)];
  }

  #fail(what: string): never {
    throw new CeladonError(what, { where: `microcode of ${this.#program}` });
  }
}

/** Leads an exit to a word; the next word needs no jump. */
function link({ word, index, skip }: Exit, target: number): void {
  if (skip === undefined && index + 1 === target) return;
  word.skip = skip ?? ALWAYS;
  word.skipTarget = target;
}

function wordOf({ operation, a, b, mask, save, store }: MicroOp): Content {
  const load = a.load ?? b.load;
  const constant = a.constant ?? b.constant ?? 'zero';
  return {
    operation: OPERATION_NAMES.indexOf(operation),
    a: A_SOURCES.indexOf(a.from),
    b: B_SOURCES.indexOf(b.from),
    negateAll: Number(a.negate === 'all'),
    negateEven: Number(a.negate === 'even'),
    form: FORMS.indexOf(b.form ?? 'plain'),
    constant: CONSTANT_NAMES.indexOf(constant),
    load: load === undefined ? 0 : 1 + LOAD_NAMES.indexOf(load),
    register: a.register ?? b.register ?? 0,
    mask: MASKS.indexOf(mask ?? 'none'),
    saves: Number(save !== undefined),
    save: save ?? 0,
    store: store === undefined ? 0 : 1 + STORE_NAMES.indexOf(store),
    innerLoop: 0,
    innerTarget: 0,
    outerLoop: 0,
    outerTarget: 0,
    skip: NEVER,
    skipTarget: 0,
    last: 0,
  };
}

function packWord(word: Content): bigint {
  let [packed, at] = [0n, 0n];
  for (const [name, bits] of Object.entries(WORD_FIELDS) as [WordField, number][]) {
    if (word[name] < 0 || word[name] >= 2 ** bits) {
      throw new CeladonError(
        `the microcode field ${name} must fit ${bits} bits, not ${word[name]}`,
      );
    }
    packed |= BigInt(word[name]) << at;
    at += BigInt(bits);
  }
  return packed;
}
