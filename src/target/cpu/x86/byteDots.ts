/**
 * Sums of products of bytes, exact: codes of weights times activations of −127 to 127, four columns a lane.
 *
 * | with | sums | a group of columns |
 * |---|---|---|
 * | vpdpbusd | 32 bits | one instruction, any code |
 * | AVX2, codes so small that the sums of a part keep to 16 bits | pairs of 16 bits | vpmaddubsw, vpaddw |
 * | AVX2, codes up to 128: two products keep to 16 bits | 32 bits | vpmaddubsw, vpmaddwd, vpaddd |
 * | AVX2, any level, signed | 32 bits | the same of its magnitude, and its sign on the activation (vpsignb) |
 */
import {
  at,
  broadcast,
  type Assembler,
  type FunctionBuilder,
  type Label,
  type Level,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import type { Bias } from '../panels/panelFormats.table.ts';
import { BOTH, emitZero, isWide, type Pair } from './width.ts';

/** Products of the lines of a column group, which `spare` may help with. */
export interface ByteDot {
  /** Whether lines must be signed levels, without bias. */
  readonly isSigned: boolean;
  /** Start the sums of a part: from −bias·Σa, where −128·Σa is in memory, unless `finish` adds it. */
  start(f: FunctionBuilder, sums: Pair, sum: Memory, bias: Bias): void;
  /** Emit once for the lines of a group, before `add` for each row. */
  prepare(f: FunctionBuilder, lines: Pair, spare: Pair): void;
  /** Add the products with the four columns of a row that lie in memory. */
  add(f: FunctionBuilder, sums: Pair, lines: Pair, registers: DotRegisters, x: Memory): void;
  /** Make the sums 32 bits, with the correction; `spare` is overwritten. */
  finish(f: FunctionBuilder, sums: Pair, sum: Memory, bias: Bias, spare: Vector): void;
}

export interface DotRegisters {
  readonly activation: Vector;
  readonly spare: Pair;
  /** One more, where levels are signed. */
  readonly product: Vector;
}

/** How large the codes of a format are, and how many column groups a part of a block has. */
export interface CodeRange {
  /** Undefined: levels of a table, of −127 to 127. */
  readonly largest: number | undefined;
  readonly groups: number;
}

const LARGEST_ACTIVATION = 127;
const LARGEST_WORD = 32767;

export function byteDot(assembler: Assembler, { largest = 255, groups }: CodeRange): ByteDot {
  if (hasByteDot(assembler.level)) return BYTES;
  const ones = assembler.constant(new Uint8Array(new Uint16Array(16).fill(1).buffer));
  const ofPair = 2 * LARGEST_ACTIVATION * largest;
  if (ofPair * groups <= LARGEST_WORD) return wordSums(ones);
  return ofPair <= LARGEST_WORD ? pairSums(ones) : signedSums(ones);
}

export function hasByteDot(level: Level): boolean {
  return level !== 'avx2';
}

const none = (): void => {};

const BYTES: ByteDot = {
  isSigned: false,
  start: loadCorrection,
  prepare: none,
  add(f, sums, lines, { activation }, x) {
    f.emit('vpbroadcastd', activation, x);
    for (const i of BOTH) f.emit('vpdpbusd', sums[i], lines[i], activation);
  },
  finish: none,
};

function wordSums(ones: Label): ByteDot {
  return {
    isSigned: false,
    start: (f, sums) => sums.forEach((sum) => emitZero(f, sum)),
    prepare: none,
    add(f, sums, lines, { activation, spare }, x) {
      f.emit('vpbroadcastd', activation, x);
      for (const i of BOTH) {
        f.emit('vpmaddubsw', spare[i], lines[i], activation);
        f.emit('vpaddw', sums[i], sums[i], spare[i]);
      }
    },
    finish(f, sums, sum, bias, spare) {
      for (const to of sums) f.emit('vpmaddwd', to, to, at(ones));
      if (bias === 0) return;
      f.emit('vpbroadcastd', spare, sum).emit('vpsrad', spare, spare, 7 - Math.log2(bias));
      for (const to of sums) f.emit('vpaddd', to, to, spare);
    },
  };
}

function pairSums(ones: Label): ByteDot {
  return {
    isSigned: false,
    start: loadCorrection,
    prepare: none,
    add(f, sums, lines, { activation, spare }, x) {
      f.emit('vpbroadcastd', activation, x);
      for (const i of BOTH) addPairs(f, sums[i], lines[i], activation, spare[i], ones);
    },
    finish: none,
  };
}

function signedSums(ones: Label): ByteDot {
  return {
    isSigned: true,
    start: loadCorrection,
    prepare: (f, lines, spare) => BOTH.forEach((i) => f.emit('vpabsb', spare[i], lines[i])),
    add(f, sums, lines, { activation, spare, product }, x) {
      f.emit('vpbroadcastd', activation, x);
      for (const i of BOTH) {
        f.emit('vpsignb', product, activation, lines[i]);
        addPairs(f, sums[i], spare[i], product, product, ones);
      }
    },
    finish: none,
  };
}

function addPairs(
  f: FunctionBuilder,
  sum: Vector,
  bytes: Vector,
  activation: Vector,
  product: Vector,
  ones: Label,
): void {
  f.emit('vpmaddubsw', product, bytes, activation).emit('vpmaddwd', product, product, at(ones));
  f.emit('vpaddd', sum, sum, product);
}

/** −128·Σa is in memory: −bias·Σa in every lane of both. */
export function loadCorrection(
  f: FunctionBuilder,
  [a, b]: Pair,
  sum: Memory,
  bias: Bias | 1,
): void {
  if (bias === 128) f.emit('vpbroadcastd', a, sum).emit('vpbroadcastd', b, sum);
  else {
    const shift = 7 - Math.log2(bias);
    if (bias === 0) emitZero(f, a);
    else if (isWide(f)) f.emit('vpsrad', a, broadcast(sum), shift);
    else f.emit('vpbroadcastd', a, sum).emit('vpsrad', a, a, shift);
    f.emit('vmovups', b, a);
  }
}
