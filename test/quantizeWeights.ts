/** Graphs with the weights of another in few bits, as a file would have them. */
import { f32ToF16 } from '../src/base/index.ts';
import { type Graph, type WeightSource } from '../src/ir/index.ts';
import { ggmlTypeOf } from '../src/model/checkpoint/gguf/ggmlTypes.table.ts';
import {
  BLOCK_COLUMNS,
  PANEL_FORMATS,
  type PanelFormat,
  type PanelFormatName,
} from '../src/target/cpu/panels/panelFormats.table.ts';

/** `graph` with its matrices in this format, but those whose rows are no whole blocks. */
export function quantizedGraph(graph: Graph, format: PanelFormatName): Graph {
  const weights = [...graph.weights].map(([name, source]) => {
    const isMatrix = source.shape.length > 1 && source.shape.at(-1)! % BLOCK_COLUMNS === 0;
    return [name, isMatrix ? quantizedWeight(source, format) : source] as const;
  });
  return { ...graph, weights: new Map(weights) };
}

function quantizedWeight({ name, shape, load }: WeightSource, format: PanelFormatName) {
  const values = load();
  const bytes = encode(values, format);
  const rowBytes = (shape.at(-1)! / BLOCK_COLUMNS) * PANEL_FORMATS[format].stored.bytes;
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

/** Blocks whose largest magnitude is the largest level; each number the level nearest to it. */
function encode(values: Float32Array, name: PanelFormatName): Uint8Array<ArrayBuffer> {
  const { stored, bits }: PanelFormat = PANEL_FORMATS[name];
  const levels = levelsOf(name);
  const blocks = values.length / BLOCK_COLUMNS;
  const out = new Uint8Array(blocks * stored.bytes);
  for (let block = 0; block < blocks; block++) {
    const own = values.subarray(block * BLOCK_COLUMNS, (block + 1) * BLOCK_COLUMNS);
    const at = block * stored.bytes;
    const scale = writeScale(name, Math.max(...levels), own, out, at);
    const codes = own.map((value) => nearestCode(levels, scale === 0 ? 0 : value / scale));
    for (const [i, code] of codes.entries()) {
      if (bits === 8) out[at + stored.codesAt + i] = code;
      else out[at + stored.codesAt + (i % 16)]! |= code << (i < 16 ? 0 : 4);
    }
  }
  return out;
}

/** Levels by code: of Q8_0 signed bytes. */
function levelsOf(name: PanelFormatName): readonly number[] {
  const { levels, bits, bias }: PanelFormat = PANEL_FORMATS[name];
  if (bits === 8) return Array.from({ length: 256 }, (_, code) => (code << 24) >> 24);
  return levels ?? Array.from({ length: 16 }, (_, code) => code - bias);
}

/** Writes the scale of a block; gives what a level of 1 stands for. */
function writeScale(
  name: PanelFormatName,
  highest: number,
  block: Float32Array,
  out: Uint8Array,
  at: number,
): number {
  const largest = block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = largest / highest;
  if (name === 'MXFP4') {
    const exponent = largest === 0 ? -20 : Math.max(-20, Math.round(Math.log2(scale)));
    out[at] = exponent + 128;
    return 2 ** exponent;
  }
  const half = f32ToF16(Float32Array.of(scale));
  out.set(new Uint8Array(half.buffer), at);
  return scale;
}

function nearestCode(levels: readonly number[], value: number): number {
  if (levels.length === 256) return Math.max(-127, Math.min(127, Math.round(value))) & 255;
  let best = 0;
  for (const [code, level] of levels.entries()) {
    if (Math.abs(level - value) < Math.abs(levels[best]! - value)) best = code;
  }
  return best;
}
