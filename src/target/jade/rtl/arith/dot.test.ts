/** Dot products of blocks, as values, beside the definition. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { Bits } from '../../../../hdl/index.ts';
import { ELEMENTS, plainDot, UNIT_EXPONENTS } from '../../arith/index.ts';
import { decodeMxfp4, dotBlock, type DotFormats } from './dot.ts';
import { uncut } from './pipeline.ts';
import { hex } from './vectors.ts';

const FORMATS: readonly DotFormats[] = [
  { activation: 'mxint8', weight: 'mxint8' },
  { activation: 'mxint8', weight: 'mxfp4' },
  { activation: 'mxfp8', weight: 'mxfp8' },
  { activation: 'mxfp8', weight: 'mxfp4' },
];

function join(bytes: readonly number[]): Bits {
  return new Bits(256, bytes.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n));
}

/** Bytes as the columns hold them: 4-bit elements are widened by the loader. */
function widen(codes: readonly number[], isNarrow: boolean, { activation }: DotFormats): number[] {
  if (!isNarrow) return [...codes];
  return codes.map((code) => Number(decodeMxfp4(new Bits(4, code), activation).value));
}

function randomCodes(random: Random, codes: number): number[] {
  const kind = random.int(4);
  const one = random.int(codes);
  return Array.from({ length: 32 }, () => {
    if (kind === 0) return random.int(8) === 0 ? random.int(codes) : 0;
    return kind === 1 ? (random.int(2) === 0 ? one : one ^ (codes / 2)) : random.int(codes);
  });
}

const SCALES = [0, 1, 67, 100, 127, 128, 150, 187, 253, 254, 255];

for (const formats of FORMATS) {
  test(`a block of ${formats.activation} by ${formats.weight} is that of the definition`, () => {
    const random = new Random(7);
    for (let i = 0; i < 400; i++) {
      const isOwn = random.int(2) === 1;
      const format = isOwn ? formats.weight : formats.activation;
      const a = randomCodes(random, 256);
      const w = randomCodes(random, format === 'mxfp4' ? 16 : 256);
      const scales = [0, 0].map(() => SCALES[random.int(SCALES.length)]!) as [number, number];
      const rowOf = (codes: readonly number[], name: keyof typeof ELEMENTS, scale: number) => ({
        elements: Float32Array.from(codes, (code) => ELEMENTS[name][code]!),
        ...{ offset: 0, stride: 32, scales: Uint8Array.of(scale), scaleOffset: 0, scaleStride: 1 },
      });
      const out = new Float32Array(1);
      plainDot({
        ...{ a: rowOf(a, formats.activation, scales[0]), w: rowOf(w, format, scales[1]), M: 1, N: 1, K: 32 },
        unitExponent: UNIT_EXPONENTS[formats.activation] + UNIT_EXPONENTS[format],
        ...{ out, outOffset: 0, outStride: 1, accumulate: false },
      });
      const found = dotBlock(
        {
          activations: join(a),
          weights: join(widen(w, format === 'mxfp4', formats)),
          activationScale: new Bits(8, scales[0]),
          weightScale: new Bits(8, scales[1]),
          weightIsWeightFormat: new Bits(1, Number(isOwn)),
        },
        formats,
        uncut,
      );
      const want = new Uint32Array(out.buffer)[0]!;
      // The definition adds to +0, which makes +0 of an addend that rounds to −0.
      const sum = found.value === 0x80000000n ? 0n : found.value;
      assert.equal(hex(sum), hex(want), JSON.stringify({ a, w, scales, isOwn }));
    }
  });
}
