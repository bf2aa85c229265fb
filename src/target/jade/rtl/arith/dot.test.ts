import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { Bits, joinLanes } from '../../../../hdl/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../../ir/index.ts';
import { plainDot, type DotRows } from '../../arith/dot.ts';
import { ELEMENTS, MX_ELEMENT_BITS, UNIT_EXPONENTS } from '../../arith/mx.ts';
import { decodeMxfp4, dotBlock, type DotFormats } from './dot.ts';
import { uncut } from './pipeline.ts';
import { wordOf } from './vectors.ts';

interface Operand {
  readonly format: MxFormat;
  readonly codes: readonly number[];
  readonly scale: number;
}

function operand(random: Random, format: MxFormat): Operand {
  const codes = 1 << MX_ELEMENT_BITS[format];
  const kinds = [
    () => random.int(codes),
    () => (random.int(2) ? random.int(codes) : 0),
    () => codes / 2 - 1 - (format === 'mxfp8' ? 1 : 0), // the largest
    () => (random.int(12) ? 0 : random.int(codes)),
  ];
  const kind = kinds[random.int(kinds.length)]!;
  const isFinite = (code: number): boolean => format !== 'mxfp8' || (code & 127) !== 127;
  const draw = (): number => [kind()].map((code) => (isFinite(code) ? code : 0))[0]!;
  const scale = random.int(3) ? 67 + random.int(121) : random.int(256);
  return { format, codes: Array.from({ length: MX_BLOCK }, draw), scale };
}

function decoded(
  codes: readonly number[],
  elements: Int8Array | Float32Array,
): Int8Array | Float32Array {
  const values = codes.map((code) => elements[code]!);
  return elements instanceof Int8Array ? Int8Array.from(values) : Float32Array.from(values);
}

/** The definition: the rows of one block each. */
function expected(a: Operand, w: Operand): number {
  const rows = ({ format, codes, scale }: Operand): DotRows => ({
    elements: decoded(codes, ELEMENTS[format]),
    ...{ offset: 0, stride: MX_BLOCK, scales: Uint8Array.of(scale) },
    ...{ scaleOffset: 0, scaleStride: 1 },
  });
  const out = new Float32Array(1);
  const unitExponent = UNIT_EXPONENTS[a.format] + UNIT_EXPONENTS[w.format];
  const shape = { M: 1, N: 1, K: MX_BLOCK, unitExponent, outOffset: 0, outStride: 1 };
  plainDot({ a: rows(a), w: rows(w), ...shape, out, accumulate: false });
  return wordOf(out[0]!);
}

function given(a: Operand, w: Operand, formats: DotFormats, isWeight: boolean): Bits {
  const bytes = w.codes.map((code) => {
    if (w.format !== 'mxfp4') return new Bits(8, code);
    return decodeMxfp4(new Bits(4, code), formats.activation);
  });
  const operands = {
    activations: joinLanes(a.codes.map((code) => new Bits(8, code))),
    weights: joinLanes(bytes),
    activationScale: new Bits(8, a.scale),
    weightScale: new Bits(8, w.scale),
    weightIsWeightFormat: new Bits(1, Number(isWeight)),
  };
  return dotBlock(operands, formats, uncut);
}

function check(a: Operand, w: Operand, formats: DotFormats, isWeight: boolean): void {
  const result = expected(a, w);
  // An addend of -0 is the same as +0 after it is added to a sum that starts from +0.
  const value = given(a, w, formats, isWeight).value;
  const isZero = result === 0 && value === 0x80000000n;
  assert.ok(
    value === BigInt(result) || isZero,
    JSON.stringify({ a, w, value: `${value}`, result }),
  );
}

const CHIPS: readonly DotFormats[] = (['mxint8', 'mxfp8'] as const).flatMap((activation) =>
  [activation, 'mxfp4' as const].map((weight) => ({ activation, weight })),
);

for (const formats of CHIPS) {
  const { activation, weight } = formats;
  test(`a block of ${activation} times ${weight} or ${activation} is summed exactly and rounded once`, () => {
    const random = new Random(11);
    for (let i = 0; i < 300; i++) {
      const isWeight = random.int(2) === 1;
      const second = operand(random, isWeight ? weight : activation);
      check(operand(random, activation), second, formats, isWeight);
    }
  });

  test(`a scale of 255 or a NaN among ${activation} and ${weight} makes the sum NaN`, () => {
    const random = new Random(12);
    const [a, w] = [operand(random, activation), operand(random, weight)];
    check({ ...a, scale: 255 }, w, formats, true);
    check(a, { ...w, scale: 255 }, formats, true);
    if (activation === 'mxfp8') check({ ...a, codes: a.codes.with(31, 0xff) }, w, formats, true);
    if (weight === 'mxfp8') check(a, { ...w, codes: w.codes.with(0, 0x7f) }, formats, true);
  });

  test(`a sum of zeros of ${activation} and ${weight} is +0 under any scale`, () => {
    const zeros = (format: MxFormat, scale: number): Operand => ({
      ...{ format, scale, codes: new Array<number>(MX_BLOCK).fill(0) },
    });
    for (const scale of [0, 1, 127, 254]) {
      check(zeros(activation, scale), zeros(weight, scale), formats, true);
    }
  });
}
