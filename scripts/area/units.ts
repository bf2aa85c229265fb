/**
 * The leaf units of the table: the hardware functions of Jade in modules of their own, with the streams
 * of operands that their energy is measured on.
 */
import { defineModule, type Module, type Signal } from '../../src/hdl/index.ts';
import { dotBlock, type DotFormats } from '../../src/target/jade/rtl/arith/dot.ts';
import { addF32, mulF32 } from '../../src/target/jade/rtl/arith/float.ts';
import {
  exp2Factor,
  exp2Finish,
  exp2Split,
  POWER_WIDTH,
  reciprocalFinish,
  reciprocalSeed,
  rsqrtFinish,
  rsqrtSeed,
} from '../../src/target/jade/rtl/arith/functions.ts';
import { pipelined, type Cut } from '../../src/target/jade/rtl/arith/pipeline.ts';
import { encodeElement } from '../../src/target/jade/rtl/arith/quantize.ts';
import type { Operands } from './energy.ts';
import type { BlockOperands, Recording } from './recording.ts';

export interface LeafUnit {
  readonly module: Module;
  readonly what: string;
  /** What a cycle does, and how often. */
  readonly operation: string;
  readonly operationsPerCycle: number;
  /** The chip whose run gives the operands. */
  readonly chip: string;
  /** Operands of successive cycles by the name of the stream. */
  readonly streams: (recording: Recording) => Readonly<Record<string, readonly Operands[]>>;
}

/** All units, the cheap ones first. Stages are those of the built-in chips. */
export function leafUnits(): LeafUnit[] {
  return [
    ...[2, 4, 6].map((cycles) =>
      binaryUnit('add_f32', 'f32 addition', cycles, addF32, accumulations),
    ),
    binaryUnit('mul_f32', 'f32 product', 5, mulF32, neighbours),
    splitUnit(),
    tablesUnit(),
    quantizerUnit('mxint8', 'jade-edge'),
    quantizerUnit('mxfp8', 'jade-server'),
    dotUnit({ activation: 'mxint8', weight: 'mxfp4' }, 4, 'jade-nano'),
    dotUnit({ activation: 'mxint8', weight: 'mxint8' }, 8, 'jade-edge'),
    dotUnit({ activation: 'mxfp8', weight: 'mxfp8' }, 10, 'jade-server'),
    dotUnit({ activation: 'mxfp8', weight: 'mxfp4' }, 10, 'jade-server'),
  ];
}

type Binary = (a: Signal, b: Signal, cut: Cut<Signal>) => Signal;
type Streams = LeafUnit['streams'];

function binaryUnit(
  name: string,
  what: string,
  cycles: number,
  build: Binary,
  streams: Streams,
): LeafUnit {
  const module = defineModule({
    name: `${name}_${cycles}`,
    comment: `${what}, ${cycles} cycles.`,
    inputs: { a: 32, b: 32 },
    outputs: { result: 32 },
    body({ a, b }, m) {
      return { result: pipelined(m, 'stage', cycles, (cut) => build(a, b, cut)) };
    },
  });
  const described = `${what} in ${cycles} cycles`;
  return {
    module,
    what: described,
    operation: what,
    operationsPerCycle: 1,
    chip: 'jade-edge',
    streams,
  };
}

/**
 * 32 products, their sum, and its rounding to f32: a column of the matrix unit without its registers.
 * Weights are bytes in the format of activations when they get here, whatever they are in memory.
 */
function dotUnit(formats: DotFormats, cycles: number, chip: string): LeafUnit {
  const { activation, weight } = formats;
  const module = defineModule({
    name: `dot_${activation}_${weight}_${cycles}`,
    comment: `The dot product of a block of ${activation} and one of ${weight} as f32, ${cycles} cycles.`,
    inputs: {
      activations: 256,
      weights: 256,
      activationScale: 8,
      weightScale: 8,
      weightIsWeightFormat: 1,
    },
    outputs: { addend: 32 },
    body: (operands, m) => ({
      addend: pipelined(m, 'stage', cycles, (cut) => dotBlock(operands, formats, cut)),
    }),
  });
  return {
    module,
    what: `32 products of ${activation} and ${weight}, their sum as f32, in ${cycles} cycles`,
    operation: 'multiply-accumulate',
    operationsPerCycle: 32,
    chip,
    streams: ({ prefill, decode }) => ({
      prefill: prefill.map(blockInputs),
      decode: decode.map(blockInputs),
    }),
  };
}

function blockInputs(block: BlockOperands): Operands {
  return {
    activations: joinBytes(block.activations),
    weights: joinBytes(block.weights),
    activation_scale: BigInt(block.activationScale),
    weight_scale: BigInt(block.weightScale),
    weight_is_weight_format: 1n,
  };
}

/** Byte 0 lowest. */
function joinBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`);
}

/** The first steps of exp2 in a vector lane: the argument as a power and a rest. */
function splitUnit(): LeafUnit {
  const module = defineModule({
    name: 'exp2_split_3',
    comment: 'The power and the rest of the argument of exp2, 3 cycles.',
    inputs: { x: 32 },
    outputs: { rest: 32, power: POWER_WIDTH },
    body({ x }, m) {
      const { r, power } = pipelined(m, 'stage', 3, (cut) => exp2Split(x, cut));
      return { rest: r, power };
    },
  });
  return {
    module,
    what: 'the argument of exp2 as power and rest, in 3 cycles',
    operation: 'step of a function',
    operationsPerCycle: 1,
    chip: 'jade-edge',
    streams: (recording) => ({
      vector: neighbours(recording).vector!.map(({ a }) => ({ x: a! })),
    }),
  };
}

/** What else a vector lane has for functions: seeds from tables, and the last steps. */
function tablesUnit(): LeafUnit {
  const module = defineModule({
    name: 'lane_tables_1',
    comment: 'Seeds and last steps of exp2, reciprocal and rsqrt, 1 cycle.',
    inputs: { x: 32, y: 32, power: POWER_WIDTH, choice: 2 },
    outputs: { seed: 32, finished: 32 },
    body({ x, y, power, choice }, m) {
      const seeds = [exp2Factor(power), reciprocalSeed(x), rsqrtSeed(x)];
      const last = [exp2Finish(y, power), reciprocalFinish(y, x), rsqrtFinish(y, x)];
      return pipelined(m, 'stage', 1, () => ({
        seed: choice.choose(seeds),
        finished: choice.choose(last),
      }));
    },
  });
  return {
    module,
    what: 'seeds and last steps of exp2, reciprocal and rsqrt, in 1 cycle',
    operation: 'step of a function',
    operationsPerCycle: 1,
    chip: 'jade-edge',
    streams: (recording) => ({
      vector: neighbours(recording).vector!.map(({ a, b }, i) => ({
        x: a!,
        y: b!,
        power: BigInt(i % 2 ** POWER_WIDTH),
        choice: BigInt((i >> 5) % 3),
      })),
    }),
  };
}

/** One element on its way into a block. */
function quantizerUnit(format: 'mxint8' | 'mxfp8', chip: string): LeafUnit {
  const module = defineModule({
    name: `quantize_${format}_2`,
    comment: `The code of an f32 in ${format} under a scale, 2 cycles.`,
    inputs: { x: 32, scale: 8 },
    outputs: { code: 8 },
    body: ({ x, scale }, m) => ({
      code: pipelined(m, 'stage', 2, (cut) => encodeElement(x, scale, format, cut)),
    }),
  });
  return {
    module,
    what: `an f32 as an element of ${format}, in 2 cycles`,
    operation: 'element',
    operationsPerCycle: 1,
    chip,
    streams: ({ values, prefill }) => ({
      vector: Array.from(values.subarray(0, prefill.length), (value, i) => ({
        x: wordOf(value),
        scale: BigInt(prefill[i]!.activationScale),
      })),
    }),
  };
}

/** Sums of dot columns and what is added to them. */
function accumulations({ prefill, decode }: Recording): Record<string, Operands[]> {
  const operands = ({ sum, addend }: BlockOperands): Operands => ({
    a: wordOf(sum),
    b: wordOf(addend),
  });
  return { prefill: prefill.map(operands), decode: decode.map(operands) };
}

/** Neighbouring results of the vector unit. */
function neighbours({ values }: Recording): Record<string, Operands[]> {
  const pairs = Array.from({ length: values.length >> 5 }, (_, i) => ({
    a: wordOf(values[2 * i]!),
    b: wordOf(values[2 * i + 1]!),
  }));
  return { vector: pairs };
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

function wordOf(value: number): bigint {
  float[0] = value;
  return BigInt(word[0]!);
}
