/** Panels of floats as plain TypeScript reads them, the judge of packing and kernels. */
import { bf16ToF32, F8E4M3_VALUES, f16ToF32, type Random } from '../src/base/index.ts';
import {
  FLOAT_FORMATS,
  PANEL_ROWS,
  type FloatFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';

/** All formats of floats. */
export const FLOAT_NAMES = Object.keys(FLOAT_FORMATS) as FloatFormatName[];

const SCALED_COLUMNS = 128;
const SCALED_BYTES = 64 + SCALED_COLUMNS * PANEL_ROWS;

/** Columns that rows are a multiple of. */
export function unitOf(name: FloatFormatName): number {
  return name === 'E4M3' ? SCALED_COLUMNS : 32;
}

/** Weight (n, k) of panels as f32. */
export function floatAt(
  name: FloatFormatName,
  bytes: Uint8Array,
  columns: number,
  n: number,
  k: number,
): number {
  const [panel, lane] = [Math.floor(n / PANEL_ROWS), n % PANEL_ROWS];
  if (name === 'E4M3') {
    const units = columns / SCALED_COLUMNS;
    const unit = (panel * units + Math.floor(k / SCALED_COLUMNS)) * SCALED_BYTES;
    const [index, view] = [k % SCALED_COLUMNS, new DataView(bytes.buffer, bytes.byteOffset)];
    const scale = view.getFloat32(unit + 4 * Math.floor(index / 32), true) / 2 ** 120;
    return Math.fround(F8E4M3_VALUES[bytes[unit + 64 + PANEL_ROWS * index + lane]!]! * scale);
  }
  const at = 2 * ((panel * columns + k) * PANEL_ROWS + lane);
  const bits = Uint16Array.of(bytes[at]! | (bytes[at + 1]! << 8));
  return (name === 'BF16' ? bf16ToF32(bits) : f16ToF32(bits))[0]!;
}

/** Random rows as they are stored: numbers of all sizes around 0.05, small ones of no whole exponent among them. */
export function randomFloats(
  name: FloatFormatName,
  random: Random,
  rows: number,
  columns: number,
): Uint8Array<ArrayBuffer> {
  const scales = Array.from({ length: columns / 32 }, () => 0.01 + 0.1 * random.float());
  const { stored } = FLOAT_FORMATS[name];
  const out = new Uint8Array((rows * columns * stored.bytes) / stored.columns);
  const view = new DataView(out.buffer);
  const step = stored.columns === 1 ? 2 : 36;
  for (let at = 0, i = 0; at < out.length; at += step, i++) {
    const word = random.uint32();
    if (name === 'BF16') view.setUint16(at, 0x3000 | (word & 0x8eff), true);
    else if (name === 'F16') view.setUint16(at, word & 0xabff, true);
    else {
      view.setFloat32(at, scales[i % scales.length]!, true);
      for (let k = 0; k < 32; k++) out[at + 4 + k] = (random.uint32() >>> 24) & 0xfe;
    }
  }
  return out;
}

/** The definition of products on panels of floats: out [M][N]; `fused`: each product and sum with one rounding. */
export function productOnFloats(
  name: FloatFormatName,
  x: Float32Array,
  w: Uint8Array,
  [M, N, K]: readonly [number, number, number],
  fused: boolean,
): Float32Array {
  const out = new Float32Array(M * N);
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) {
      const weight = floatAt(name, w, K, n, k);
      for (let m = 0; m < M; m++) {
        // Exact in f64; so is all but the rarest of sums to more bits than f32 has.
        const product = weight * x[m * K + k]!;
        out[m * N + n]! += fused ? product : Math.fround(product);
      }
    }
  }
  return out;
}
