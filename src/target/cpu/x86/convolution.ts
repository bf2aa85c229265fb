/**
 * Causal convolution of four taps, sixteen channels at a time, with the bits of ../kernels/recurrence.ts: no operation
 * is fused. The last rows stay in registers.
 */
import {
  at,
  half,
  mask,
  merging,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { copyCell, whilePositive } from './cells.ts';

/** Taps of a channel. */
export const TAPS = 4;
/** What `vectors` counts: channels. */
export const CONVOLUTION_CHANNELS = 16;

/**
 * Arguments: addresses of the first channel, the distance of rows of state, x and out in bytes, taps [channels][4],
 * `tokens` and `vectors`, at least one. The state starts from zeros where `fresh` is not 0.
 */
export const CONVOLUTION = [
  ...(['state', 'x', 'w', 'out', 'rowStride', 'tokens', 'vectors', 'fresh'] as const),
];

type Block = Readonly<Record<(typeof CONVOLUTION)[number], Memory>>;

const VECTOR_BYTES = 64;
/** Channels of which a vector holds all taps. */
const CHANNELS_OF_VECTOR = CONVOLUTION_CHANNELS / TAPS;

/** Adds `causalConvolution`. */
export function addConvolution(assembler: Assembler): void {
  const lanes = Array.from({ length: CONVOLUTION_CHANNELS }, (_, lane) => lane);
  // Tap j of the channels of a vector, repeated.
  const orders = Array.from({ length: TAPS }, (_, j) => {
    const order = lanes.map((lane) => TAPS * (lane % CHANNELS_OF_VECTOR) + j);
    return assembler.constant(new Uint8Array(Int32Array.from(order).buffer));
  });
  assembler.addFunction('causalConvolution', CONVOLUTION, (f, block) => {
    const places = { state: f.slot(), x: f.slot(), w: f.slot(), out: f.slot() };
    for (const [name, slot] of Object.entries(places))
      copyCell(f, slot, block[name as keyof typeof places]);
    const left = f.slot();
    copyCell(f, left, block.vectors);
    setLanes(f);
    whilePositive(f, left, () => {
      emitChannels(f, block, places, orders);
      for (const name of ['state', 'x', 'out'] as const) f.emit('add', places[name], VECTOR_BYTES);
      f.emit('add', places.w, TAPS * VECTOR_BYTES).emit('sub', left, 1);
    });
  });
}

type Places = Readonly<Record<'state' | 'x' | 'w' | 'out', Memory>>;

/** The lanes of the channels that a vector of taps has: the first, the second, … four. */
const LANES = [mask(1), mask(2), mask(3), mask(4)] as const;

function setLanes(f: FunctionBuilder): void {
  const bits = f.general();
  LANES.forEach((lanes, i) => {
    f.emit('mov', bits, 0b1111 << (CHANNELS_OF_VECTOR * i)).emit('kmovw', lanes, half(bits));
  });
  f.free(bits);
}

/** Sixteen channels of all tokens. */
function emitChannels(
  f: FunctionBuilder,
  block: Block,
  places: Places,
  orders: readonly Label[],
): void {
  const taps = loadTaps(f, places.w, orders);
  const past = f.vectors(512, TAPS - 1);
  eachKept(f, block, places.state, (row, i) => f.emit('vmovups', past[i]!, row));
  const kept = f.label('kept');
  f.emit('cmp', block.fresh, 0).emit('je', kept);
  for (const row of past) f.emit('vpxord', row, row, row);
  f.place(kept);
  emitTokens(f, block, places, taps, past);
  eachKept(f, block, places.state, (row, i) => f.emit('vmovups', row, past[i]!));
  f.free(...past, ...taps);
}

/** Vector j has tap j of each channel. */
function loadTaps(f: FunctionBuilder, w: Memory, orders: readonly Label[]): Vector[] {
  const [from] = f.load(w) as [General];
  const [taps, stored, order] = [f.vectors(512, TAPS), f.vectors(512, TAPS), f.vector(512)];
  stored.forEach((vector, i) => f.emit('vmovups', vector, at(from, VECTOR_BYTES * i)));
  taps.forEach((tap, j) => {
    f.emit('vmovups', order, at(orders[j]!));
    stored.forEach((vector, i) => f.emit('vpermps', merging(tap, LANES[i]!), order, vector));
  });
  f.free(order, ...stored, from);
  return taps;
}

/** The rows of the state. */
function eachKept(
  f: FunctionBuilder,
  { rowStride }: Block,
  state: Memory,
  body: (row: Memory, i: number) => void,
): void {
  const [row, stride] = f.load(state, rowStride) as [General, General];
  for (let i = 0; i < TAPS - 1; i++) {
    body(at(row), i);
    f.emit('add', row, stride);
  }
  f.free(row, stride);
}

function emitTokens(
  f: FunctionBuilder,
  block: Block,
  places: Places,
  taps: readonly Vector[],
  past: readonly Vector[],
): void {
  const [x, out, stride, tokens] = f.load(
    ...[places.x, places.out, block.rowStride, block.tokens],
  ) as [General, General, General, General];
  const [present, sum, product] = f.vectors(512, 3) as [Vector, Vector, Vector];
  const rows = [...past, present];
  f.repeat(tokens, () => {
    f.emit('vmovups', present, at(x)).emit('vpxord', sum, sum, sum);
    for (const [j, tap] of taps.entries()) {
      f.emit('vmulps', product, tap, rows[j]!).emit('vaddps', sum, sum, product);
    }
    f.emit('vmovups', at(out), sum);
    past.forEach((row, i) => f.emit('vmovups', row, rows[i + 1]!));
    f.emit('add', x, stride).emit('add', out, stride);
  });
  f.free(x, out, stride, tokens, present, sum, product);
}
