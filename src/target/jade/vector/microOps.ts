/**
 * The vocabulary of the vector unit's microcode.
 *
 * The lanes are an accumulator machine. In each slot they do one micro-operation on two operands; its
 * result is the accumulator of the next slot and may also be saved in a register or stored. A register
 * saved in a slot can be read from the second slot after it, as the next one has the value in the
 * accumulator. At most one operand is a register, and memory is read once a slot.
 *
 * Beside the accumulator each lane has a flag, which comparisons set and selections read. Integers
 * (indices) are held as the bits of subnormal numbers, on which f32 addition and comparison are those
 * of integers, up to 2^24.
 */
import {
  EXP2_COEFFICIENTS,
  LOG1P_COEFFICIENTS,
  LOG2E,
  SMALLEST_NORMAL,
} from '../arith/functions.ts';

/** Registers of a lane. */
export const REGISTERS = 6;

/**
 * What a lane does with operands A and B. A "beats" B when it is larger; a NaN is smaller than every
 * number, and a NaN with its sign set smaller still (marks that are no candidates). Choices pass bits
 * as they are; all else gives the canonical NaN.
 */
export const OPERATIONS = {
  move: 'A',
  raw: 'A, its bits as they are; flag = A has no sign',
  clip: '+0 where A has a sign, else A',
  multiply: 'fround(A · B)',
  add: 'fround(A + B)',
  larger: 'flag = A beats B; A where it does, else B',
  largerIf: 'the same, but the flag must have been set before',
  smaller: 'B where A beats B, else A',
  same: 'flag = neither beats the other; A',
  select: 'A where the flag is set, else B',
  take: 'A',
  exp2Scale: 'the factor of exp2(A) that is a power of 2^(1/32): +Inf, +0 or NaN where exp2(A) is',
  exp2Fraction: 'the rest, A − ⌊32·A + ½⌋/32; anything near 0 where the factor is no power',
  reciprocalSeed: 'R[…] for the mantissa of A',
  reciprocalFinish: 'A, the reciprocal of the mantissa of B, with sign and exponent for 1/B',
  rsqrtSeed: 'Q[…] for the mantissa of A',
  rsqrtFinish: 'A, the inverse root of the mantissa of B, with the exponent for 1/√B',
} as const;
export type Operation = keyof typeof OPERATIONS;

/** Operations in which a masked lane keeps B (and is not larger); in the others it gives +0. */
export const CHOICES: ReadonlySet<Operation> = new Set(['larger', 'largerIf', 'select', 'take']);

/** Constants by name: f32 values or, where they are no numbers, their bits. Fields count as they are. */
export const CONSTANTS = {
  zero: 0,
  one: 1,
  oneAndHalf: 1.5,
  two: 2,
  log2e: LOG2E,
  minusLog2e: -LOG2E,
  exp2C1: EXP2_COEFFICIENTS[0],
  exp2C2: EXP2_COEFFICIENTS[1],
  exp2C3: EXP2_COEFFICIENTS[2],
  log1pC1: LOG1P_COEFFICIENTS[0],
  log1pC2: LOG1P_COEFFICIENTS[1],
  log1pC3: LOG1P_COEFFICIENTS[2],
  log1pC4: LOG1P_COEFFICIENTS[3],
  log1pC5: LOG1P_COEFFICIENTS[4],
  log1pC6: LOG1P_COEFFICIENTS[5],
  log1pC7: LOG1P_COEFFICIENTS[6],
  log1pC8: LOG1P_COEFFICIENTS[7],
  smallestNormal: SMALLEST_NORMAL,
  /** Keeps the divisor of gates from zero. */
  smallestSum: Math.fround(1e-20),
  infinity: Infinity,
  minusInfinity: -Infinity,
  nan: NaN,
} as const;
/** A NaN with its sign set: smaller than all that can be chosen. */
export const ABSENT_BITS = 0xffffffff;

/** Fields of the instruction that are constants of its program. */
export const FIELD_CONSTANTS = [
  'scale',
  'epsilon',
  'inverse',
  'base',
  'limit',
  'smallest',
] as const;
export type ConstantName = keyof typeof CONSTANTS | 'absent' | (typeof FIELD_CONSTANTS)[number];

/**
 * What memory gives as an operand. `window`: lane l has element k + l, where k is the first column of
 * the window; `word`: all lanes have the same word.
 */
export const LOADS = {
  a: 'window of a; of bf16 elements where the instruction says so',
  aHalf: 'window of a, half a row later',
  b: 'window of b',
  bHalf: 'window of b, half a row later',
  pairs: 'window of b, an element for two lanes: that of lane l in lane ⌊l/2⌋',
  pairsHalf: 'the same, half a row later',
  bytes: 'E8M0 bytes of b, as powers of two',
  gate: 'word: the gate of the token',
  d: 'window of d',
  dWord0: 'word: the first of d',
  dWord1: 'word: the second of d',
  dStep: 'word of d at the step of the outer loop',
  aTerm: 'window of a, `aInner` bytes on for each step of the outer loop',
  bTerm: 'word: of b, `bInner` bytes on for each step',
} as const;
export type Load = keyof typeof LOADS;

/** Where a result goes. All but the words and `measure` write a window, in the format of d. */
export const STORES = {
  d: 'window of d',
  dHalf: 'window of d, half a row later',
  word0: 'lane 0 to the first word of d',
  word1: 'lane 0 to the second word of d',
  measure: 'nowhere: the largest exponent so far of a group that is an item',
  wide: 'window of d, quantised with the scale that was measured',
} as const;
export type Store = keyof typeof STORES;

/** Lanes that take part: the visible columns; the columns of group `step`; the lane `step`. */
export type Mask = 'visible' | 'group' | 'lane';

/**
 * The source of an operand. A: `index` is the column k + l, `foldLow` the accumulator of lane ⌊l/2⌋,
 * `swap` that of lane l ^ 1. B: `foldHigh` is the accumulator of lane ⌊l/2⌋ + L/2. Folding log2 L times
 * combines lanes h apart for h = L/2 … 1, and leaves the result in every lane.
 */
export type Source =
  | 'acc'
  | 'register'
  | 'memory'
  | 'constant'
  | 'index'
  | 'foldLow'
  | 'foldHigh'
  | 'swap';

export interface Operand {
  readonly from: Source;
  readonly register?: number;
  readonly load?: Load;
  readonly constant?: ConstantName;
  /** Only of A: the sign turned, in all lanes or in the even ones. */
  readonly negate?: 'all' | 'even';
  /**
   * Only of B. `mantissa`: in [1, 2); `rootMantissa`: half of that in [1, 4) which leaves an even
   * exponent; `scale`: from exp2Scale, whose sign says that A counts twice, as 2^128 is no f32.
   */
  readonly form?: 'mantissa' | 'rootMantissa' | 'scale';
}

export interface MicroOp {
  readonly operation: Operation;
  readonly a: Operand;
  readonly b: Operand;
  readonly mask?: Mask;
  readonly save?: number;
  readonly store?: Store;
}

/** How often a loop runs. `windows`: of a row, or of a wide group; `fold`: log2 L; else a field. */
export type LoopKind = 'windows' | 'fold' | 'columns' | 'groups' | 'topGroups' | 'topK' | 'terms';

export interface Loop {
  readonly loop: LoopKind;
  readonly body: readonly Piece[];
}

/** A part of a program for some instructions only. */
export interface Variant {
  readonly when: Condition;
  readonly is: boolean;
  readonly body: readonly Piece[];
}

/**
 * `scaled`: b is given in softmax · `biased`: in route · `softmax`, `sigmoid`: scoring ·
 * `grouped`: more than one group · `limited`: a limit that is not 0 · `normalize`, `accumulate`,
 * `groupByBest`: the fields.
 */
export type Condition =
  | 'scaled'
  | 'biased'
  | 'softmax'
  | 'sigmoid'
  | 'grouped'
  | 'limited'
  | 'normalize'
  | 'accumulate'
  | 'groupByBest';

export type Piece = MicroOp | Loop | Variant;

/**
 * What a context works on. `window`: L columns of a row; `pairs`: L pairs of columns half a row apart;
 * `group`: the columns under one scale, where they are no power of two inside a window; `row`; `token`: a window, but rows come from a list one by one.
 */
export type Item = 'window' | 'pairs' | 'group' | 'row' | 'token';

export interface Program {
  readonly item: Item;
  readonly body: readonly Piece[];
}
