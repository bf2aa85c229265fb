/** Panels and rows of activations made of random numbers, and their products as plain TypeScript defines them. */
import { f32ToF16, f16ToF32, Random } from '../../src/base/index.ts';
import { ACTIVATION_BLOCK } from '../../src/target/cpu/x86/panelTile.ts';

/** Weights of N rows and K columns, a multiple of 32. */
export interface PanelWeights {
  readonly bits: 8 | 4;
  readonly N: number;
  readonly K: number;
  readonly bytes: Uint8Array;
  readonly blockBytes: number;
}

export interface Activations {
  readonly M: number;
  readonly K: number;
  readonly bytes: Uint8Array;
  readonly stride: number;
}

/** Random weights in panels, padding of the last one too: it must not matter. */
export function randomWeights(random: Random, bits: 8 | 4, N: number, K: number): PanelWeights {
  const blockBytes = 64 + 128 * bits;
  const bytes = new Uint8Array(Math.ceil(N / 32) * (K / 32) * blockBytes);
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32();
  for (let block = 0; block < bytes.length; block += blockBytes) {
    const scales = f32ToF16(Float32Array.from({ length: 32 }, () => 0.01 + random.float()));
    bytes.set(new Uint8Array(scales.buffer), block);
  }
  return { bits, N, K, bytes, blockBytes };
}

/** Random activations, with extreme ones among them. */
export function randomActivations(random: Random, M: number, K: number): Activations {
  const stride = (K / 32) * ACTIVATION_BLOCK.bytes;
  const bytes = new Uint8Array(M * stride);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += ACTIVATION_BLOCK.bytes) {
    let sum = 0;
    const extreme = random.float() < 0.1;
    for (let k = 0; k < 32; k++) {
      const value = extreme ? 127 : Math.floor(random.float() * 255) - 127;
      view.setInt8(at + k, value);
      sum += value;
    }
    view.setFloat32(at + ACTIVATION_BLOCK.scaleAt, 0.001 + random.float(), true);
    view.setInt32(at + ACTIVATION_BLOCK.sumAt, -128 * sum, true);
  }
  return { M, K, bytes, stride };
}

/** Weight (n, k) without its scale. */
function integerAt({ bits, K, bytes, blockBytes }: PanelWeights, n: number, k: number): number {
  const start = ((n >> 5) * (K / 32) + (k >> 5)) * blockBytes + 64;
  const line = 2 * ((k & 31) >> 2) + ((n & 31) >> 4);
  const column = 4 * (n & 15) + (k & 3);
  if (bits === 8) return bytes[start + 64 * line + column]! - 128;
  const byte = bytes[start + 64 * (line & 7) + column]!;
  return (line < 8 ? byte & 15 : byte >> 4) - 8;
}

/** out[m][n], bit for bit: block by block, each operation rounded to f32. */
export function product(x: Activations, w: PanelWeights): Float32Array {
  const out = new Float32Array(x.M * w.N);
  const view = new DataView(x.bytes.buffer);
  const blocks = w.K / 32;
  for (let n = 0; n < w.N; n++) {
    for (let block = 0; block < blocks; block++) {
      const at = ((n >> 5) * blocks + block) * w.blockBytes + 2 * (n & 31);
      const scale = f16ToF32(new Uint16Array(w.bytes.slice(at, at + 2).buffer))[0]!;
      const integers = Array.from({ length: 32 }, (_, k) => integerAt(w, n, 32 * block + k));
      for (let m = 0; m < x.M; m++) {
        const from = m * x.stride + block * ACTIVATION_BLOCK.bytes;
        const sum = integers.reduce((total, u, k) => total + u * view.getInt8(from + k), 0);
        const scales = Math.fround(scale * view.getFloat32(from + ACTIVATION_BLOCK.scaleAt, true));
        const i = m * w.N + n;
        out[i] = out[i]! + Math.fround(Math.fround(sum) * scales);
      }
    }
  }
  return out;
}
