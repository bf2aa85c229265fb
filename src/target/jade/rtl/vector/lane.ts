/**
 * A lane: registers, a multiplier, an adder, and beside them everything that takes no rounding.
 *
 * Operands are chosen in the cycle in which the registers' data and the memory's word are there. Each of
 * the three paths has a result P cycles later; the one of the operation is the accumulator, just when
 * the next operation of the same context chooses its operands.
 */
import {
  defineModule,
  indexWidth,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { CHOICES, REGISTERS, type Operation } from '../../vector/microOps.ts';
import {
  addF32,
  canonicalize,
  isLarger,
  isNaN,
  isZero,
  magnitudeOf,
  mulF32,
  signOf,
} from '../arith/float.ts';
import {
  exp2Factor,
  exp2Finish,
  exp2Split,
  mantissaOf,
  reciprocalFinish,
  reciprocalSeed,
  rsqrtFinish,
  rsqrtHalf,
  rsqrtSeed,
} from '../arith/functions.ts';
import { pipelined } from '../arith/pipeline.ts';
import { delayedBundle } from '../delay.ts';
import { A_SOURCES, B_SOURCES, FORMS, OPERATION_NAMES, WORD_FIELDS } from './microcodeRom.ts';

/** What all lanes are told in the cycle of the operands; `index` and `negate` differ from lane to lane. */
export const LANE_CONTROL = {
  operation: WORD_FIELDS.operation,
  a: WORD_FIELDS.a,
  b: WORD_FIELDS.b,
  form: WORD_FIELDS.form,
  constant: 32,
} as const;

/** Bits of the address of a register of a context. */
export function registerBits(contexts: number): number {
  return indexWidth(REGISTERS * contexts);
}

export function laneModule(contexts: number, indexBits: number) {
  const bits = registerBits(contexts);
  return defineModule({
    name: 'vector_lane',
    comment: `One f32 lane of the vector unit; an operation takes ${contexts} cycles.`,
    inputs: {
      ...LANE_CONTROL,
      path: 3,
      negate: 1,
      masked: 1,
      index: indexBits,
      memory: 32,
      foldLow: 32,
      foldHigh: 32,
      swap: 32,
      read: 1,
      readAddress: bits,
      write: 1,
      writeAddress: bits,
    },
    outputs: { accumulator: 32 },
    body(inputs, m) {
      const accumulator = m.wire('accumulatorNow', 32);
      const { read, readAddress, write, writeAddress } = inputs;
      const register = m.memory('registers', {
        words: REGISTERS * contexts,
        width: 32,
        read: { address: readAddress, enable: read },
        write: { address: writeAddress, data: accumulator, enable: write },
      });
      const { a, b } = chooseOperands(inputs, accumulator, register);
      accumulator.set(compute(m, { ...inputs, a, b }, contexts));
      return { accumulator };
    },
  });
}

type Inputs = Readonly<Record<keyof typeof LANE_CONTROL, Signal>> & {
  readonly negate: Signal;
  readonly masked: Signal;
  readonly index: Signal;
  readonly memory: Signal;
  readonly foldLow: Signal;
  readonly foldHigh: Signal;
  readonly swap: Signal;
};

function chooseOperands(inputs: Inputs, acc: Signal, register: Signal): { a: Signal; b: Signal } {
  const { memory, constant, foldLow, foldHigh, swap, negate } = inputs;
  const index = inputs.index.zeroExtend(32);
  const sources = { acc, register, memory, constant, index, foldLow, foldHigh, swap };
  const plainA = inputs.a.choose(A_SOURCES.map((source) => sources[source])).named('plainA');
  const plainB = inputs.b.choose(B_SOURCES.map((source) => sources[source])).named('plainB');
  const sign = signOf(plainA).xor(negate);
  // NOTE: an exp2 factor with its sign set is 2^127 for 2^128, and its p below 1 counts twice.
  const isScale = inputs.form.eq(FORMS.indexOf('scale'));
  const twice = isScale.and(signOf(plainB));
  const magnitude = twice.mux(mantissaOf(plainA).low(31), magnitudeOf(plainA));
  const forms = {
    plain: plainB,
    mantissa: mantissaOf(plainB),
    rootMantissa: rsqrtHalf(plainB),
    scale: magnitudeOf(plainB).zeroExtend(32),
  };
  return {
    a: sign.concat(magnitude).named('operandA'),
    b: inputs.form.choose(FORMS.map((form) => forms[form])).named('operandB'),
  };
}

type Operands = {
  readonly operation: Signal;
  readonly path: Signal;
  readonly masked: Signal;
  readonly a: Signal;
  readonly b: Signal;
};

/** The accumulator: the result of the operation of P cycles ago, whose `path` comes with it. */
function compute(m: ModuleBuilder, operands: Operands, latency: number): Signal {
  const { operation, path, masked, a, b } = operands;
  const flag = m.wire('flagNow', 1, 'of the same context, from the operation before');
  const { simple, nextFlag, isChoice } = chooseResult(operation, a, b, masked, flag);
  const late = delayedBundle(m, 'late', { flag: nextFlag, simple }, latency);
  flag.set(late.flag);
  const { product } = pipelined(m, 'product', latency, (cut) => ({ product: mulF32(a, b, cut) }));
  const { sum } = pipelined(m, 'sum', latency, (cut) => ({ sum: addF32(a, b, cut) }));
  const { r, power } = pipelined(m, 'split', latency, (cut) => exp2Split(a, cut));
  const results = { simple: late.simple, product, sum, fraction: r, scale: scaleOf(power) };
  const isNothing = delayedBundle(m, 'isNothing', masked.and(isChoice.not()), latency);
  return isNothing.mux(0, path.choose(PATHS.map((name) => results[name]))).named('result');
}

/** T[n] · 2^i, or what its class says; −2^127 for 2^128. */
function scaleOf(power: Signal): Signal {
  const isTop = power.high(10).eq(128);
  return isTop.mux(0xff000000, exp2Finish(exp2Factor(power), power));
}

/** What takes no rounding, in one step, and the flag after it. */
function chooseResult(operation: Signal, a: Signal, b: Signal, masked: Signal, flag: Signal) {
  const is = (name: Operation): Signal => operation.eq(OPERATION_NAMES.indexOf(name));
  const { beats, same } = compare(a, b);
  const [larger, largerIf] = [is('larger'), is('largerIf')];
  const wins = beats.and(masked.not()).and(larger.or(flag)).named('wins');
  const setsFlag = larger.or(largerIf);
  const seen = setsFlag.mux(wins, is('raw').mux(signOf(a).not(), is('same').mux(same, flag)));
  const part = masked.not();
  const results: Partial<Record<Operation, Signal>> = {
    move: canonicalize(a),
    clip: signOf(a).mux(0, a),
    larger: wins.mux(a, b),
    largerIf: wins.mux(a, b),
    smaller: beats.mux(b, a),
    select: flag.and(part).mux(a, b),
    take: part.mux(a, b),
    reciprocalSeed: reciprocalSeed(a),
    reciprocalFinish: reciprocalFinish(a, b),
    rsqrtSeed: rsqrtSeed(a),
    rsqrtFinish: rsqrtFinish(a, b),
  };
  return {
    simple: operation.choose(OPERATION_NAMES.map((name) => results[name] ?? a)).named('simple'),
    nextFlag: seen.named('nextFlag'),
    isChoice: [...CHOICES].map(is).reduce((any, one) => any.or(one)),
  };
}

/** The order of choices: a NaN below every number, one with its sign set below the others. */
function compare(a: Signal, b: Signal): { beats: Signal; same: Signal } {
  const [nanA, nanB] = [isNaN(a), isNaN(b)];
  const bothNaN = nanA.and(nanB);
  const isMark = signOf(a).not().and(signOf(b));
  const equal = a.eq(b).or(isZero(a).and(isZero(b)));
  return {
    beats: isLarger(a, b).or(bothNaN.and(isMark)).named('beats'),
    same: bothNaN.mux(signOf(a).xor(signOf(b)).not(), nanA.or(nanB).not().and(equal)).named('same'),
  };
}

/** Where a result comes from. */
export const PATHS = ['simple', 'product', 'sum', 'fraction', 'scale'] as const;

const PATH_OF: Partial<Record<Operation, (typeof PATHS)[number]>> = {
  multiply: 'product',
  add: 'sum',
  exp2Fraction: 'fraction',
  exp2Scale: 'scale',
};

/** The path of an operation: 3 bits. */
export function pathOf(operation: Signal): Signal {
  const codes = OPERATION_NAMES.map((name) => PATHS.indexOf(PATH_OF[name] ?? 'simple'));
  return operation.choose(codes.map((code) => operation.constant(code, 3)));
}
