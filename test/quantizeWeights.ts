/** Graphs with the weights of another in few bits, as a file would have them. */
import {
  bf16ToF32,
  encodeF8E4M3,
  F8E4M3_VALUES,
  f16ToF32,
  f32ToBf16,
  f32ToF16,
} from '../src/base/index.ts';
import type { Graph, WeightSource } from '../src/ir/index.ts';
import { ggmlTypeOf } from '../src/model/checkpoint/gguf/ggmlTypes.table.ts';
import {
  INTEGER_FORMATS,
  type FloatFormatName,
  type IntegerFormat,
  type IntegerFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';
import { cpuTarget, type CpuOptions } from '../src/target/cpu/index.ts';
import { Session } from './session.ts';
import { PUT_BLOCK, type EncodedBlock } from './storedBlocks.ts';

const TOKENS = Array.from({ length: 19 }, (_, i) => (i * i * 7 + 3 * i + 5) % 60);

/** Logits of the last of some tokens, fed so many at a time. */
export function logitsOf(graph: Graph, options: CpuOptions, size = TOKENS.length): Float32Array {
  const session = new Session(cpuTarget(options), graph);
  const logits = Float32Array.from(session.feed(TOKENS, size));
  session.device.close();
  return logits;
}

/** The root of the mean squared difference, relative to that of `required`. */
export function relativeError(found: Float32Array, required: Float32Array): number {
  const squares = (values: Float32Array): number => values.reduce((sum, x) => sum + x * x, 0);
  return Math.sqrt(squares(found.map((x, i) => x - required[i]!)) / squares(required));
}

/** `graph` with its matrices in this format, but those whose rows are no whole blocks. */
export function quantizedGraph(graph: Graph, format: IntegerFormatName): Graph {
  const { columns } = INTEGER_FORMATS[format].stored;
  const weights = [...graph.weights].map(([name, source]) => {
    const isMatrix = source.shape.length > 1 && source.shape.at(-1)! % columns === 0;
    return [name, isMatrix ? quantizedWeight(source, format) : source] as const;
  });
  return { ...graph, weights: new Map(weights) };
}

function quantizedWeight({ name, shape, load }: WeightSource, format: IntegerFormatName) {
  const values = load();
  const { columns, bytes: blockBytes } = INTEGER_FORMATS[format].stored;
  const bytes = encode(values, format);
  const rowBytes = (shape.at(-1)! / columns) * blockBytes;
  return {
    name,
    shape,
    load: (): Float32Array => {
      const decoded = new Float32Array(values.length);
      ggmlTypeOf(format).decode!(bytes, decoded);
      return decoded;
    },
    stored: {
      format,
      rowBytes,
      readBytes: (start: number, count: number) =>
        bytes.slice(start * rowBytes, (start + count) * rowBytes),
    },
  };
}

function encode(values: Float32Array, name: IntegerFormatName): Uint8Array<ArrayBuffer> {
  const { stored }: IntegerFormat = INTEGER_FORMATS[name];
  const levels = levelsOf(name);
  const blocks = values.length / stored.columns;
  const out = new Uint8Array(blocks * stored.bytes);
  for (let block = 0; block < blocks; block++) {
    const own = values.subarray(block * stored.columns, (block + 1) * stored.columns);
    PUT_BLOCK[name](encodeBlock(name, levels, own), out, block * stored.bytes);
  }
  return out;
}

/** Each part with the smallest scale, and min, that reach its numbers; each number the code nearest to it. */
function encodeBlock(
  name: IntegerFormatName,
  levels: readonly number[],
  values: Float32Array,
): EncodedBlock {
  const { scaling }: IntegerFormat = INTEGER_FORMATS[name];
  const size = scaling.integers ? 32 / scaling.parts : values.length;
  const parts = Array.from({ length: values.length / size }, (_, i) =>
    values.subarray(i * size, (i + 1) * size),
  );
  const lows = parts.map((part) => (scaling.hasMin ? Math.max(0, -Math.min(...part)) : 0));
  const reaches = parts.map((part, i) => Math.max(...part.map((v) => Math.abs(v + lows[i]!))));
  const most = Math.max(...levels);
  const unit = reaches.map((reach) => reach / most);
  const [scale, scales] = roundedFactors(name, unit, name === 'Q6_K' ? 127 : largestInteger(name));
  const [min, mins] = roundedFactors(name, lows, largestInteger(name));
  const codes = Uint8Array.from(values, (value, i) => {
    const part = Math.floor(i / size);
    const step = scale * scales[part]!;
    return nearestCode(levels, step === 0 ? 0 : (value + min * mins[part]!) / step);
  });
  return { scale, min, scales, mins, codes };
}

/** Of six bits, with a sign or without, or of four. */
function largestInteger(name: IntegerFormatName): number {
  if (name === 'Q2_K') return 15;
  return name === 'Q3_K' ? 31 : 63;
}

/** An f16, and the integers that make the factors of it. */
function roundedFactors(
  name: IntegerFormatName,
  factors: readonly number[],
  largest: number,
): readonly [number, number[]] {
  const { scaling }: IntegerFormat = INTEGER_FORMATS[name];
  if (name === 'MXFP4') return [powerOfTwo(factors[0]!), [1]];
  const most = Math.max(...factors);
  if (!scaling.integers) return [toHalf(most), [1]];
  const unit = toHalf(most / largest);
  return [unit, factors.map((one) => (unit === 0 ? 0 : Math.min(largest, Math.round(one / unit))))];
}

const half = new Float16Array(1);

/** Through f32, as files have it. */
function toHalf(value: number): number {
  half[0] = Math.fround(value);
  return half[0];
}

function powerOfTwo(scale: number): number {
  return 2 ** (scale === 0 ? -20 : Math.max(-20, Math.round(Math.log2(scale))));
}

/** What each code stands for, before scales. */
function levelsOf(name: IntegerFormatName): readonly number[] {
  const { levels, planes, bias }: IntegerFormat = INTEGER_FORMATS[name];
  const bits = planes.reduce<number>((sum, plane) => sum + plane, 0);
  return levels ?? Array.from({ length: 2 ** bits }, (_, code) => code - bias);
}

function nearestCode(levels: readonly number[], value: number): number {
  const [first, second] = levels as [number, number];
  if (second === first + 1) {
    // Q8_0 has no use for its lowest.
    const lowest = levels.length === 256 ? 1 : 0;
    return Math.max(lowest, Math.min(levels.length - 1, Math.round(value) - first));
  }
  let best = 0;
  for (const [code, level] of levels.entries()) {
    if (Math.abs(level - value) < Math.abs(levels[best]! - value)) best = code;
  }
  return best;
}

/** `graph` with its matrices in a format of floats; E4M3 with a scale for each 32 rows and columns. */
export function floatGraph(graph: Graph, format: FloatFormatName): Graph {
  const weights = [...graph.weights].map(([name, source]) => {
    const isMatrix = source.shape.length > 1 && source.shape.at(-1)! % 32 === 0;
    return [name, isMatrix ? floatWeight(source, format) : source] as const;
  });
  return { ...graph, weights: new Map(weights) };
}

function floatWeight({ name, shape, load }: WeightSource, format: FloatFormatName): WeightSource {
  const [values, width] = [load(), shape.at(-1)!];
  const { values: rounded, bytes } = encodeFloats(values, width, format);
  const rowBytes = (bytes.length / values.length) * width;
  const readBytes = (start: number, count: number) =>
    bytes.slice(start * rowBytes, (start + count) * rowBytes);
  return { name, shape, load: () => rounded, stored: { format, rowBytes, readBytes } };
}

function encodeFloats(values: Float32Array, width: number, format: FloatFormatName) {
  if (format === 'BF16') {
    const bits = f32ToBf16(values);
    return { values: bf16ToF32(bits), bytes: new Uint8Array(bits.buffer) };
  }
  if (format === 'F16') {
    const bits = f32ToF16(values);
    return { values: f16ToF32(bits), bytes: new Uint8Array(bits.buffer) };
  }
  const bytes = new Uint8Array((values.length / 32) * 36);
  const view = new DataView(bytes.buffer);
  const rounded = values.map((value, i) => {
    const [row, block] = [Math.floor(i / width), Math.floor(i / 32)];
    const tile = Math.floor(row / 32) + (block % (width / 32));
    const scale = Math.fround((1 + (tile % 3)) / 500);
    const code = encodeF8E4M3(value / scale);
    view.setFloat32(36 * block, scale, true);
    bytes[36 * block + 4 + (i % 32)] = code;
    return F8E4M3_VALUES[code]! * scale;
  });
  return { values: rounded, bytes };
}
