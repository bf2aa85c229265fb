/** Scales and mins of panels as f32: those of the header, times the integer of the part where there are such. */
import type { FunctionBuilder, Local } from '../../../wasm/index.ts';
import { LINE_BYTES, type IntegerFormat } from '../panels/panelFormats.table.ts';
import { integerPlace } from '../panels/panelLayout.ts';
import { HALF_BYTES, HalfConverter, VECTOR_ROWS, WEIGHTS } from './panelCodes.ts';

/** Pointers to the header of a unit and to the integers of a block, of the first row of a vector. */
export interface FactorPlaces {
  readonly header: Local;
  readonly integers: Local;
}

const NIBBLE = 15;

/** Pushes scales and mins. */
export class FactorReader {
  readonly #f: FunctionBuilder;
  readonly #format: IntegerFormat;
  readonly #halves: HalfConverter;

  /** Emits what is to come before the loops. */
  constructor(f: FunctionBuilder, format: IntegerFormat) {
    this.#f = f;
    this.#format = format;
    this.#halves = new HalfConverter(f);
  }

  /** Pushes those of four rows, of vector `vector` from the pointers on. */
  push(
    kind: 'scale' | 'min',
    { header, integers }: FactorPlaces,
    vector: number,
    part: number,
  ): FunctionBuilder {
    const [f, { scaling }] = [this.#f, this.#format];
    const line = kind === 'min' ? LINE_BYTES : 0;
    f.get(header).emit('v128.load16x4_s', line + VECTOR_ROWS * HALF_BYTES * vector, WEIGHTS);
    this.#halves.convert();
    const place = integerPlace(scaling, kind, part);
    if (place === undefined) return f;
    f.get(integers).emit('v128.load32_zero', place.at + VECTOR_ROWS * vector, WEIGHTS);
    if (place.nibble === 'high') f.i32(4).emit('i8x16.shr_u');
    if (place.nibble === 'low') f.i32(NIBBLE).emit('i8x16.splat').emit('v128.and');
    f.emit('i16x8.extend_low_i8x16_s').emit('i32x4.extend_low_i16x8_s');
    return f.emit('f32x4.convert_i32x4_s').emit('f32x4.mul');
  }
}
