/**
 * Every method of `Logic` on random widths: functions that compute on `Bits` and build on `Signal`,
 * and a module that holds many of them.
 */
import type { Random } from '../../src/base/index.ts';
import { Bits, defineModule, joinLanes, type Logic, type Module } from '../../src/hdl/index.ts';
import { randomValue, randomWidth } from './randomBits.ts';

type Apply = <T extends Logic<T>>(operands: readonly T[]) => T;

/** A method on operands of certain widths. */
export interface OperatorCase {
  readonly widths: readonly number[];
  readonly apply: Apply;
}

const unary = (apply: Apply) => (random: Random) => ({ widths: [randomWidth(random)], apply });

const binary = (apply: Apply) => (random: Random) => {
  const width = randomWidth(random);
  return { widths: [width, width], apply };
};

const product = (apply: Apply) => (random: Random) => {
  return { widths: [randomWidth(random), randomWidth(random)], apply };
};

const shift = (apply: Apply) => (random: Random) => {
  const amount = random.int(4) > 0 ? 1 + random.int(9) : randomWidth(random, 32);
  return { widths: [randomWidth(random), amount], apply };
};

const constantShift =
  (method: 'shl' | 'shr' | 'sra') =>
  (random: Random): OperatorCase => {
    const width = randomWidth(random);
    const amount = random.int(width + 3);
    return { widths: [width], apply: ([a]) => a[method](amount) };
  };

const withNumber =
  (method: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'eq' | 'ltU' | 'ltS' | 'mulU' | 'mulS') =>
  (random: Random): OperatorCase => {
    const width = randomWidth(random);
    const number = randomValue(random, width);
    return { widths: [width], apply: ([a]) => a[method](number) };
  };

/** Makes a random case of each method; the names are those of the methods. */
export const OPERATOR_CASES: Readonly<Record<string, (random: Random) => OperatorCase>> = {
  not: unary(([a]) => a.not()),
  and: binary(([a, b]) => a.and(b)),
  or: binary(([a, b]) => a.or(b)),
  xor: binary(([a, b]) => a.xor(b)),
  reduceAnd: unary(([a]) => a.reduceAnd()),
  reduceOr: unary(([a]) => a.reduceOr()),
  reduceXor: unary(([a]) => a.reduceXor()),
  add: binary(([a, b]) => a.add(b)),
  sub: binary(([a, b]) => a.sub(b)),
  negate: unary(([a]) => a.negate()),
  mulU: product(([a, b]) => a.mulU(b)),
  mulS: product(([a, b]) => a.mulS(b)),
  eq: binary(([a, b]) => a.eq(b)),
  ne: binary(([a, b]) => a.ne(b)),
  ltU: binary(([a, b]) => a.ltU(b)),
  ltS: binary(([a, b]) => a.ltS(b)),
  geU: binary(([a, b]) => a.geU(b)),
  geS: binary(([a, b]) => a.geS(b)),
  mux(random) {
    const width = randomWidth(random);
    return { widths: [1, width, width], apply: ([c, a, b]) => c.mux(a, b) };
  },
  choose(random) {
    const [index, width] = [random.int(8) > 0 ? 1 + random.int(5) : 40, randomWidth(random)];
    const options = 2 + random.int(Math.min(2 ** index - 1, 9));
    const widths = [index, ...new Array<number>(options).fill(width)];
    return { widths, apply: ([i, ...options]) => i.choose(options) };
  },
  concat(random) {
    const widths = Array.from({ length: 2 + random.int(4) }, () => randomWidth(random, 70));
    return { widths, apply: ([first, ...others]) => first.concat(...others) };
  },
  'concat with constants'(random) {
    const width = randomWidth(random, 70);
    const [many, times] = [randomWidth(random, 70), 1 + random.int(70)];
    const number = randomValue(random, many);
    return {
      widths: [width],
      apply: ([a]) => a.constant(number, many).concat(a.constant(1, 1).repeat(times), a),
    };
  },
  repeat(random) {
    const times = 1 + random.int(6);
    return { widths: [randomWidth(random, 40)], apply: ([a]) => a.repeat(times) };
  },
  slice(random) {
    const width = randomWidth(random);
    const low = random.int(width);
    const high = low + random.int(width - low);
    return { widths: [width], apply: ([a]) => a.slice(high, low) };
  },
  lanes(random) {
    const [width, count] = [randomWidth(random, 40), 1 + random.int(6)];
    return { widths: [width * count], apply: ([a]) => joinLanes(a.lanes(width).toReversed()) };
  },
  zeroExtend(random) {
    const width = randomWidth(random);
    const more = random.int(70);
    return { widths: [width], apply: ([a]) => a.zeroExtend(width + more) };
  },
  signExtend(random) {
    const width = randomWidth(random);
    const more = random.int(70);
    return { widths: [width], apply: ([a]) => a.signExtend(width + more) };
  },
  shl: shift(([a, n]) => a.shl(n)),
  shr: shift(([a, n]) => a.shr(n)),
  sra: shift(([a, n]) => a.sra(n)),
  'shl by a number': constantShift('shl'),
  'shr by a number': constantShift('shr'),
  'sra by a number': constantShift('sra'),
  'add a number': withNumber('add'),
  'sub a number': withNumber('sub'),
  'and a number': withNumber('and'),
  'or a number': withNumber('or'),
  'xor a number': withNumber('xor'),
  'eq a number': withNumber('eq'),
  'ltU a number': withNumber('ltU'),
  'ltS a number': withNumber('ltS'),
  'mulU a number': withNumber('mulU'),
  'mulS a number': withNumber('mulS'),
};

/** A module that applies each case: operand `i` of case `k` is input `k<k>_<i>`, its result `r<k>`. */
export function casesModule(name: string, cases: readonly OperatorCase[]): Module {
  const inputs = cases.flatMap(({ widths }, k) =>
    widths.map((width, i) => [operandName(k, i), width] as const),
  );
  const outputs = cases.map((one, k) => [`r${k}`, resultWidth(one)] as const);
  return defineModule({
    name,
    inputs: Object.fromEntries(inputs),
    outputs: Object.fromEntries(outputs),
    body: (signals) =>
      Object.fromEntries(
        cases.map(({ widths, apply }, k) => {
          return [`r${k}`, apply(widths.map((_, i) => signals[operandName(k, i)]))];
        }),
      ),
  });
}

export function operandName(k: number, i: number): string {
  return `k${k}_${i}`;
}

function resultWidth({ widths, apply }: OperatorCase): number {
  return apply(widths.map((width) => new Bits(width, 0))).width;
}
