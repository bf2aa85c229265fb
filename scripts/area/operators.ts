/** The operators of the hardware layer, one module each: what logic costs that is in no leaf unit. */
import { operatorSize } from '../../src/cost/index.ts';
import {
  constant,
  defineModule,
  type Module,
  type Operator,
  type Signal,
} from '../../src/hdl/index.ts';

export interface OperatorUnit {
  readonly operator: Operator;
  /** Its area is divided by this. */
  readonly size: number;
  readonly module: Module;
}

const WIDTH = 32;
/** Multipliers of this width, shifters by this many bits, choices of this many options. */
const FACTOR_WIDTH = 16;
const SHIFT_BITS = 5;
const OPTIONS = 4;

type Build = (a: Signal, b: Signal) => Signal;

const SAME_WIDTH: Partial<Record<Operator, Build>> = {
  not: (a) => a.not(),
  and: (a, b) => a.and(b),
  or: (a, b) => a.or(b),
  xor: (a, b) => a.xor(b),
  add: (a, b) => a.add(b),
  sub: (a, b) => a.sub(b),
  eq: (a, b) => a.eq(b),
  ltU: (a, b) => a.ltU(b),
  ltS: (a, b) => a.ltS(b),
  reduceAnd: (a) => a.reduceAnd(),
  reduceOr: (a) => a.reduceOr(),
  reduceXor: (a) => a.reduceXor(),
};

const SHIFTS: Partial<Record<Operator, Build>> = {
  shl: (a, b) => a.shl(b),
  shr: (a, b) => a.shr(b),
  sra: (a, b) => a.sra(b),
};

const PRODUCTS: Partial<Record<Operator, Build>> = {
  mulU: (a, b) => a.mulU(b),
  mulS: (a, b) => a.mulS(b),
};

/** One unit for each operator that is hardware. */
export function operatorUnits(): OperatorUnit[] {
  return [
    ...units(SAME_WIDTH, WIDTH, WIDTH),
    ...units(SHIFTS, WIDTH, SHIFT_BITS),
    ...units(PRODUCTS, FACTOR_WIDTH, FACTOR_WIDTH),
    choiceUnit(),
  ];
}

function units(builds: Partial<Record<Operator, Build>>, a: number, b: number): OperatorUnit[] {
  return (Object.entries(builds) as [Operator, Build][]).map(([operator, build]) => {
    const width = build(constant(a, 0), constant(b, 0)).width;
    const module = defineModule({
      name: `operator_${operator.toLowerCase()}_${a}`,
      inputs: { a, b },
      outputs: { result: width },
      body: ({ a, b }) => ({ result: build(a, b) }),
    });
    return { operator, size: operatorSize({ operator, widths: [a, b] }), module };
  });
}

function choiceUnit(): OperatorUnit {
  const module = defineModule({
    name: `operator_mux_${OPTIONS}x${WIDTH}`,
    inputs: { index: Math.log2(OPTIONS), options: OPTIONS * WIDTH },
    outputs: { result: WIDTH },
    body: ({ index, options }) => ({ result: index.choose(options.lanes(WIDTH)) }),
  });
  return {
    operator: 'mux',
    size: operatorSize({ operator: 'mux', widths: [OPTIONS, WIDTH] }),
    module,
  };
}
