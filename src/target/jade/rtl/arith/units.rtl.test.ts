/** The text of each leaf unit before the judgement of Verilator's lint and of Yosys, without exceptions. */
import { test } from 'node:test';
import { missing, runTool, writeModule } from '../../../../../test/rtl/tools.ts';
import { defineModule, type Module, type Signal } from '../../../../hdl/index.ts';
import { decodeMxfp4, dotBlock, type DotFormats } from './dot.ts';
import { addF32, canonicalize, isLarger, maxF32, mulF32 } from './float.ts';
import {
  e8m0ToF32,
  exp2Factor,
  exp2Finish,
  exp2Split,
  mantissaOf,
  POWER_WIDTH,
  reciprocalFinish,
  reciprocalSeed,
  rsqrtFinish,
  rsqrtHalf,
  rsqrtSeed,
} from './functions.ts';
import { pipelined } from './pipeline.ts';
import { delayedBundle } from '../delay.ts';
import { encodeElement, largestExponent, scaleByte } from './quantize.ts';

const CYCLES = 3;

function addMulMax(): Module {
  return defineModule({
    name: 'add_mul_max',
    inputs: { a: 32, b: 32 },
    outputs: { sum: 32, product: 32, max: 32, isLarger: 1, canonical: 32 },
    body({ a, b }, m) {
      return {
        sum: pipelined(m, 'sumStage', CYCLES, (cut) => addF32(a, b, cut)),
        product: pipelined(m, 'productStage', CYCLES, (cut) => mulF32(a, b, cut)),
        ...{ max: maxF32(a, b), isLarger: isLarger(a, b), canonical: canonicalize(b) },
      };
    },
  });
}

/** The special steps; what the last steps take has no sign. */
function special(): Module {
  return defineModule({
    name: 'special',
    inputs: { x: 32, y: 31, power: POWER_WIDTH, scale: 8 },
    outputs: {
      ...{ r: 32, rPower: POWER_WIDTH, factor: 32, exp2: 32, scaleF32: 32 },
      ...{ mantissa: 32, seed: 32, reciprocal: 32, half: 32, rootSeed: 32, rsqrt: 32 },
    },
    body({ x, y, power, scale }, m) {
      const split = pipelined(m, 'stage', CYCLES, (cut) => exp2Split(x, cut));
      return {
        ...{ r: split.r, rPower: split.power, factor: exp2Factor(power) },
        ...{ exp2: exp2Finish(y, power), scaleF32: e8m0ToF32(scale) },
        ...{ mantissa: mantissaOf(x), seed: reciprocalSeed(x), reciprocal: reciprocalFinish(y, x) },
        ...{ half: rsqrtHalf(x), rootSeed: rsqrtSeed(x), rsqrt: rsqrtFinish(y, x) },
      };
    },
  });
}

function quantizer(format: 'mxint8' | 'mxfp8'): Module {
  return defineModule({
    name: `quantizer_${format}`,
    inputs: { values: 4 * 32 },
    outputs: { codes: 4 * 8, scale: 8 },
    body({ values }, m) {
      const lanes = values.lanes(32);
      const { scale } = pipelined(m, 'scaleStage', CYCLES, (cut) => ({
        scale: scaleByte(largestExponent(lanes, cut), format),
      }));
      const codes = lanes.map((lane, i) => {
        const late = delayedBundle(m, `value${i}`, lane, CYCLES);
        return pipelined(m, `code${i}`, 2, (cut) => encodeElement(late, scale, format, cut));
      });
      const [highest, ...lower] = codes.toReversed() as [Signal, ...Signal[]];
      return { codes: highest.concat(...lower), scale: delayedBundle(m, 'scaleOut', scale, 2) };
    },
  });
}

function dot({ activation, weight }: DotFormats): Module {
  return defineModule({
    name: `dot_${activation}_${weight}`,
    inputs: {
      ...{ activations: 256, weights: 256, activationScale: 8, weightScale: 8 },
      ...{ weightIsWeightFormat: 1, nibble: 4 },
    },
    outputs: { addend: 32, element: 8, weightFormat: 1 },
    body({ nibble, ...operands }, m) {
      return {
        addend: pipelined(m, 'stage', CYCLES, (cut) =>
          dotBlock(operands, { activation, weight }, cut),
        ),
        element: decodeMxfp4(nibble, activation),
        // Without mxfp4 the dot product does not need it.
        weightFormat: operands.weightIsWeightFormat,
      };
    },
  });
}

const UNITS: readonly Module[] = [
  addMulMax(),
  special(),
  quantizer('mxint8'),
  quantizer('mxfp8'),
  dot({ activation: 'mxint8', weight: 'mxint8' }),
  dot({ activation: 'mxint8', weight: 'mxfp4' }),
  dot({ activation: 'mxfp8', weight: 'mxfp8' }),
  dot({ activation: 'mxfp8', weight: 'mxfp4' }),
];

for (const unit of UNITS) {
  test(
    `${unit.name} passes Verilator's lint and Yosys`,
    { skip: missing('verilator', 'yosys') },
    (t) => {
      const { folder, files } = writeModule(t, unit);
      runTool('verilator', folder, '--lint-only', '-Wall', '--top-module', unit.name, ...files);
      const script = `read_verilog -sv ${files.join(' ')}; hierarchy -check -top ${unit.name}; proc; check -assert`;
      runTool('yosys', folder, '-q', '-p', script);
    },
  );
}
