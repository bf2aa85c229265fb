/**
 * DeepSeek-V4's context: attention to a window and compressed entries, and the compressor that pools
 * them. Both keep the last rows of their own in a state, and see them with those of the step behind.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import { pushPosition } from './movement.ts';
import { clearAtStart } from './recurrence.ts';
import {
  advanceElements,
  ELEMENT_BYTES,
  forRow,
  pushProduct,
  pushRow,
  pushSplat,
  pushSum,
  scaleToBytes,
  type Access,
} from './vectors.ts';

/** Functions that the kernels call. */
export interface CompressionUses {
  readonly exp: FunctionRef;
  readonly attendRows: FunctionRef;
  readonly gatherRows: FunctionRef;
}

/** Adds `compress` and `windowAttention`. */
export function addCompression(module: ModuleBuilder, uses: CompressionUses): void {
  addCompress(module, uses.exp);
  addWindowAttention(module, uses);
}

type Sequences = Readonly<Record<'state' | 'x' | 'positions' | 'rows' | 'B' | 'T', Local>>;

/**
 * Runs `body` for each sequence, with the rows of its past and of the step in `rows`, where `first` is
 * the oldest; the state then keeps the last. Sizes are in bytes.
 */
function forSequences(
  f: FunctionBuilder,
  { state, x, positions, rows, B, T }: Sequences,
  { pastBytes, rowBytes }: { readonly pastBytes: Local; readonly rowBytes: Local },
  body: (end: Local, first: Local) => void,
): void {
  const [b, newBytes] = [f.local('i32', 'b'), f.local('i32', 'newBytes')];
  const [end, first] = [f.local('i32', 'end'), f.local('i32', 'first')];
  pushProduct(f, T, rowBytes).set(newBytes);
  f.forLoop(b, 0, B, 1, () => {
    clearAtStart(f, positions, b, state, pastBytes);
    f.get(rows).get(state).get(pastBytes).emit('memory.copy');
    pushSum(f, rows, pastBytes).get(x).get(newBytes).emit('memory.copy');
    pushPosition(f, positions, b).set(end);
    f.get(rows).set(first);
    body(end, first);
    f.get(state);
    pushSum(f, rows, newBytes).get(pastBytes).emit('memory.copy');
    f.advance(state, pastBytes).advance(x, newBytes);
  });
}

type CompressParams = { readonly [K in keyof typeof KERNELS.compress]: Local };

function addCompress(module: ModuleBuilder, exp: FunctionRef): void {
  module.addFunction('compress', { params: KERNELS.compress, exported: true }, (f, p) => {
    const { out, B, T, C, K, tokensPerRow, overlap } = p;
    const [t, pastBytes] = [f.local('i32', 't'), f.local('i32', 'pastBytes')];
    scaleToBytes(f, C, K);
    f.get(overlap).i32(1).emit('i32.add').get(tokensPerRow).emit('i32.mul');
    f.i32(1).emit('i32.sub').get(C).emit('i32.mul').set(pastBytes);
    f.get(out).i32(0);
    pushProduct(f, B, T, K).emit('memory.fill');
    forSequences(f, p, { pastBytes, rowBytes: C }, (end, first) => {
      f.forLoop(t, 0, T, 1, () => {
        f.advance(end, 1);
        f.get(end).get(tokensPerRow).emit('i32.rem_u').emit('i32.eqz');
        f.if(() => poolWindow(f, p, end, first, exp));
        f.advance(first, C).advance(out, K);
      });
    });
  });
}

/** One entry, some channels at a time: the largest gate, then the sums that it keeps in range. */
function poolWindow(
  f: FunctionBuilder,
  p: CompressParams,
  end: Local,
  first: Local,
  exp: FunctionRef,
): void {
  const [largest, power] = [f.local('v128', 'largest'), f.local('v128', 'power')];
  const [sum, total] = [f.local('v128', 'sum'), f.local('v128', 'total')];
  const row = f.local('i32', 'row');
  forRow(f, p.K, (offset, access) => {
    const each = (body: () => void): void =>
      overTokens(f, p, { end, first, offset, row }, access, body);
    pushSplat(f, -Infinity).set(largest);
    each(() => f.get(largest).emit('f32x4.max').set(largest));
    pushSplat(f, 0).tee(sum).set(total);
    each(() => {
      f.get(largest).emit('f32x4.sub').emit('call', exp).tee(power);
      f.get(total).emit('f32x4.add').set(total);
      access.load(f.get(row)).get(power).emit('f32x4.mul').get(sum).emit('f32x4.add').set(sum);
    });
    access.store(pushSum(f, p.out, offset).get(sum).get(total).emit('f32x4.div'));
  });
}

interface Window {
  readonly end: Local;
  readonly first: Local;
  readonly offset: Local;
  readonly row: Local;
}

/**
 * Runs `body` with the biased gates of each token on the stack, and its values at `row`. With overlap
 * there are two windows, the one before through the first half of the channels, if there is one before.
 */
function overTokens(
  f: FunctionBuilder,
  { bias, C, K, tokensPerRow, overlap }: CompressParams,
  { end, first, offset, row }: Window,
  access: Access,
  body: () => void,
): void {
  const [window, j, skipped] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const [windows, gate, biasRow] = [f.local('i32'), f.local('i32'), f.local('i32')];
  const half = f.local('i32');
  const biased = f.local('v128');
  f.get(end).get(tokensPerRow).emit('i32.eq').get(overlap).emit('i32.and').set(skipped);
  f.get(overlap).i32(1).emit('i32.add').set(windows);
  f.get(C).i32(1).emit('i32.shr_u').set(half);
  f.forLoop(window, skipped, windows, 1, () => {
    pushProduct(f, window, tokensPerRow, C).get(first).emit('i32.add');
    pushProduct(f, window, K).emit('i32.add').get(offset).emit('i32.add').set(row);
    f.get(bias);
    pushProduct(f, window, K).emit('i32.add').get(offset).emit('i32.add').set(biasRow);
    f.forLoop(j, 0, tokensPerRow, 1, () => {
      pushSum(f, row, half).set(gate);
      access.load(f.get(gate)).set(biased);
      f.get(bias).if(() => access.load(f.get(biased).get(biasRow)).emit('f32x4.add').set(biased));
      f.get(biased);
      body();
      f.advance(row, C).advance(biasRow, half);
    });
  });
}

type WindowParams = { readonly [K in keyof typeof KERNELS.windowAttention]: Local };

function addWindowAttention(module: ModuleBuilder, uses: CompressionUses): void {
  const spec = { params: KERNELS.windowAttention, exported: true };
  module.addFunction('windowAttention', spec, (f, p) => {
    const { q, sinks, entries, chosen, seen, out, T, H, K, W } = p;
    const [t, count] = [f.local('i32', 't'), f.local('i32', 'count')];
    const [pastBytes, rowBytes] = [f.local('i32', 'pastBytes'), f.local('i32', 'rowBytes')];
    pushProduct(f, K, ELEMENT_BYTES).set(rowBytes);
    pushProduct(f, W, rowBytes).set(pastBytes);
    forSequences(f, p, { pastBytes, rowBytes }, (end, first) => {
      f.forLoop(t, 0, T, 1, () => {
        f.advance(end, 1).advance(first, rowBytes);
        gatherWindow(f, p, { end, first, count, rowBytes });
        f.get(entries).if(() => gatherEntries(f, p, { end, count, rowBytes }, uses.gatherRows));
        f.get(q).get(seen).get(K).get(seen).get(K).get(p.scores).get(p.scoreStride).get(out);
        f.get(H).get(count).get(K).get(K).get(p.scale).get(sinks).emit('call', uses.attendRows);
        advanceElements(f, q, H, K);
        advanceElements(f, out, H, K);
        advanceElements(f, chosen, p.topK);
      });
      f.get(entries).if(() => advanceElements(f, entries, p.capacity, K));
    });
  });
}

interface Seen {
  /** Tokens of the sequence up to the one at hand. */
  readonly end: Local;
  /** Rows that it sees. */
  readonly count: Local;
  readonly rowBytes: Local;
}

/** Copies the window of a token, which starts at `first`, without what is before the sequence. */
function gatherWindow(
  f: FunctionBuilder,
  { seen, W }: WindowParams,
  { end, first, count, rowBytes }: Seen & { readonly first: Local },
): void {
  f.get(W).get(end).get(W).get(end).emit('i32.lt_u').emit('select').set(count);
  f.get(seen).get(first).get(W).get(count).emit('i32.sub').get(rowBytes).emit('i32.mul');
  f.emit('i32.add').get(count).get(rowBytes).emit('i32.mul').emit('memory.copy');
}

/** Copies the entries that a token sees behind its window. */
function gatherEntries(
  f: FunctionBuilder,
  { entries, chosen, seen, K, topK, tokensPerRow }: WindowParams,
  { end, count, rowBytes }: Seen,
  gatherRows: FunctionRef,
): void {
  const complete = f.local('i32', 'complete');
  f.get(end).get(tokensPerRow).emit('i32.div_u').set(complete);
  f.get(chosen).if(
    () => {
      f.get(chosen).get(topK).get(complete).get(entries).get(K);
      pushRow(f, seen, count, rowBytes).emit('call', gatherRows);
      f.get(count).emit('i32.add').set(count);
    },
    () => {
      pushRow(f, seen, count, rowBytes).get(entries);
      pushProduct(f, complete, rowBytes).emit('memory.copy');
      f.advance(count, complete);
    },
  );
}
