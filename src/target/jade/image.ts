/** The memory image of a model: weights packed as the layout says, constants, and room for state. */
import { f32ToBf16 } from '../../base/index.ts';
import { MX_BLOCK, rotaryTable, type Graph, type WeightSource } from '../../ir/index.ts';
import { biasOfGiven, quantizeWeights } from './arith/index.ts';
import { blockBytes } from './isa.table.ts';
import type { MemoryLayout } from './layout.ts';
import { tileAddress } from './tiles.ts';
import type {
  ChoicesRegion,
  FilledRegion,
  EdgeRegion,
  EndsRegion,
  LaterRegion,
  NewestRegion,
  PastRegion,
  PlainRegion,
  RotaryRegion,
  SinksRegion,
  TiledWeight,
} from './memoryRegions.ts';

/** Fills `memory`, at least `layout.sizeBytes` long, with everything but state and mailboxes. */
export function writeImage(memory: Uint8Array, layout: MemoryLayout, graph: Graph): void {
  for (const weight of layout.weights.values())
    writeTiles(memory, weight, graph.weights.get(weight.name)!);
  for (const region of layout.regions.values()) writeRegion(memory, region, layout, graph);
}

function writeRegion(
  memory: Uint8Array,
  region: PlainRegion,
  layout: MemoryLayout,
  graph: Graph,
): void {
  const source = graph.weights.get(region.name.slice(region.name.indexOf(':') + 1));
  if (region.kind === 'filled') {
    const { value } = region as FilledRegion;
    writeWords(memory, region.address, new Float32Array(region.sizeBytes / 4).fill(value));
  } else if (region.kind === 'choices') writeChoices(memory, region as ChoicesRegion, source!);
  else if (region.kind === 'taps') writeTaps(memory, region.address, source!);
  else if (region.kind === 'past') writeWords(memory, region.address, pastOf(region as PastRegion));
  else if (region.kind === 'ends') writeWords(memory, region.address, endsOf(region as EndsRegion));
  else if (region.kind === 'edge') writeWords(memory, region.address, edgeOf(region as EdgeRegion));
  else if (region.kind === 'newest')
    writeWords(memory, region.address, newestOf(region as NewestRegion));
  else if (region.kind === 'later')
    writeWords(memory, region.address, laterOf(region as LaterRegion));
  else if (region.kind === 'ramp') writeWords(memory, region.address, rampOf(region));
  else if (region.kind === 'sinks')
    writeWords(memory, region.address, sinksOf(region as SinksRegion, source!.load()));
  else if (region.kind === 'f32') writeWords(memory, region.address, source!.load());
  else if (region.kind === 'bf16') writeHalves(memory, region.address, source!.load());
  else if (region.kind === 'rotary')
    writeRotary(memory, region as RotaryRegion, layout.contextTokens);
}

/** Weights (C,W) as W rows of C. */
function writeTaps(memory: Uint8Array, address: number, source: WeightSource): void {
  const [values, W] = [source.load(), source.shape.at(-1)!];
  const C = values.length / W;
  const rows = Float32Array.from(values, (_, i) => values[(i % C) * W + Math.floor(i / C)]!);
  writeWords(memory, address, rows);
}

function pastOf({ room, sizeBytes }: PastRegion): Float32Array {
  return new Float32Array(sizeBytes / 4).fill(-Infinity, 0, room);
}

function endsOf({ tokens, sizeBytes }: EndsRegion): Float32Array {
  return Float32Array.from({ length: sizeBytes / 4 }, (_, i) => Number((i + 1) % tokens === 0));
}

function edgeOf({ numbers: [before, behind], most, sizeBytes }: EdgeRegion): Float32Array {
  return new Float32Array(sizeBytes / 4).fill(before, 0, most).fill(behind, most);
}

function newestOf({ items, most, sizeBytes }: NewestRegion): Int32Array {
  return Int32Array.from({ length: sizeBytes / 4 }, (_, position) => {
    const rows = Math.floor((position + 1) / items.tokensPerRow);
    return most - Math.ceil(rows / items.blockRows);
  });
}

function laterOf({ tokens, sizeBytes }: LaterRegion): Float32Array {
  const columns = tokens - 1;
  return Float32Array.from({ length: sizeBytes / 4 }, (_, i) =>
    i % columns < (Math.floor(i / columns) + 1) % tokens ? 0 : -Infinity,
  );
}

/** e^-256 is zero. */
function rampOf({ sizeBytes }: PlainRegion): Float32Array {
  return Float32Array.from({ length: sizeBytes / 4 }, (_, i) => 256 * i);
}

function sinksOf({ scale, sizeBytes }: SinksRegion, logits: Float32Array): Float32Array {
  const out = new Float32Array(sizeBytes / 4).fill(-Infinity);
  const width = out.length / logits.length;
  const behind = width - MX_BLOCK;
  for (const [head, logit] of logits.entries())
    out[head * width + behind] = logit / Math.fround(scale);
  return out;
}

function writeWords(memory: Uint8Array, address: number, values: Float32Array | Int32Array): void {
  memory.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), address);
}

function writeChoices(
  memory: Uint8Array,
  { address, experts }: ChoicesRegion,
  table: WeightSource,
): void {
  const [given, perToken] = [table.load(), table.shape.at(-1)!];
  for (let token = 0; token * perToken < given.length; token++) {
    const own = [...given.subarray(token * perToken, (token + 1) * perToken)];
    writeHalves(memory, address + token * experts * 2, biasOfGiven(own, experts));
  }
}

/** Tables of embeddings: docs/numerics.md, section 4. */
function writeHalves(memory: Uint8Array, address: number, values: Float32Array): void {
  const halves = f32ToBf16(values);
  memory.set(new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength), address);
}

function writeRotary(memory: Uint8Array, region: RotaryRegion, contextTokens: number): void {
  const positions = Int32Array.from({ length: contextTokens }, (_, i) => i + region.offset);
  const { cos, sin } = rotaryTable(region.frequencies, region.magnitude, positions);
  const half = region.frequencies.length;
  const rows = new Float32Array(contextTokens * half * 2);
  for (let t = 0; t < contextTokens; t++) {
    rows.set(cos.subarray(t * half, (t + 1) * half), t * half * 2);
    rows.set(sin.subarray(t * half, (t + 1) * half), t * half * 2 + half);
  }
  writeWords(memory, region.address, rows);
}

function writeTiles(memory: Uint8Array, weight: TiledWeight, source: WeightSource): void {
  const { rows, columns, format } = weight;
  const values = filled(source, weight);
  for (let plane = 0; plane < weight.planes; plane++) {
    const own = values.subarray(plane * rows * columns, (plane + 1) * rows * columns);
    const packed = quantizeWeights(own, rows, columns, format);
    for (let n = 0; n < rows; n += weight.tileRows) {
      for (let k = 0; k < columns; k += weight.tileColumns)
        writeTile(memory, weight, plane, [n, k], packed);
    }
  }
}

/** Planes of rows × columns, filled up with zeros where those of the model are fewer. */
function filled(source: WeightSource, { planes, rows, columns }: TiledWeight): Float32Array {
  const [values, width] = [source.load(), source.shape.at(-1)!];
  const height = values.length / width / planes;
  if (width === columns && height === rows) return values;
  const out = new Float32Array(planes * rows * columns);
  for (let row = 0; row < planes * height; row++) {
    const place = Math.floor(row / height) * rows + (row % height);
    out.set(values.subarray(row * width, (row + 1) * width), place * columns);
  }
  return out;
}

interface Packed {
  readonly elements: Uint8Array;
  readonly scales: Uint8Array;
}

/** One tile: for each 32 of k the blocks of its rows. */
function writeTile(
  memory: Uint8Array,
  weight: TiledWeight,
  plane: number,
  [n0, k0]: readonly [number, number],
  { elements, scales }: Packed,
): void {
  const height = Math.min(weight.tileRows, weight.rows - n0);
  const width = Math.min(weight.tileColumns, weight.columns - k0);
  const size = blockBytes(weight.format) - 1;
  let at = tileAddress(weight, plane, n0, k0);
  for (let k = k0; k < k0 + width; k += MX_BLOCK) {
    for (let n = n0; n < n0 + height; n++) {
      const block = (n * weight.columns + k) / MX_BLOCK;
      memory[at] = scales[block]!;
      memory.set(elements.subarray(block * size, (block + 1) * size), at + 1);
      at += size + 1;
    }
  }
}
