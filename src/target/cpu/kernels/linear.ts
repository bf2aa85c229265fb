/**
 * Matrix products, weights as stored: each output is the dot product of two rows.
 *
 * A tile is `rows` rows of x times `columns` rows of w: its accumulators are vectors over k, so each
 * loaded vector serves the whole tile, and all of a tile fits in the 16 registers of x86-64. A panel
 * walks the rows of w once, and for each few of them all rows of x, which stay in the cache.
 *
 * Whatever the tile, an output is one vector accumulated over k in ascending order, then the sum of
 * its lanes: a prompt in one piece and in chunks gives the same bits.
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import { KERNELS } from './kernels.table.ts';
import {
  ELEMENT_BYTES,
  pushProduct,
  pushRow,
  reduceLanes,
  scaleToBytes,
  SINGLE,
  WHOLE,
  type Access,
} from './vectors.ts';

/** Tiles by rows of x: the most first; eight accumulators each. */
const TILES = [
  { rows: 4, columns: 2 },
  { rows: 2, columns: 4 },
  { rows: 1, columns: 8 },
] as const;

/** Vectors of k in one round of a tile's loop. */
const UNROLL = 4;

const TILE_PARAMS = {
  x: 'i32',
  xStrideBytes: 'i32',
  w: 'i32',
  wStrideBytes: 'i32',
  out: 'i32',
  outStrideBytes: 'i32',
  rowBytes: 'i32',
} as const;

const PANEL_PARAMS = { ...TILE_PARAMS, M: 'i32', N: 'i32' } as const;

/** Adds `linear`; the other kernels that multiply call it. */
export function addLinear(module: ModuleBuilder): FunctionRef {
  const panels = TILES.map(({ rows, columns }) => ({
    rows,
    panel: addPanel(module, rows, columns),
  }));
  return module.addFunction('linear', { params: KERNELS.linear, exported: true }, (f, p) => {
    const { x, xStride, w, wStride, out, outStride, M, N, K } = p;
    const taken = f.local('i32', 'taken');
    scaleToBytes(f, xStride, wStride, outStride, K);
    for (const { rows, panel } of panels) {
      f.get(M).i32(rows).emit('i32.div_u').i32(rows).emit('i32.mul').set(taken);
      for (const local of [x, xStride, w, wStride, out, outStride, K, taken, N]) f.get(local);
      f.emit('call', panel);
      pushRow(f, x, taken, xStride).set(x);
      pushRow(f, out, taken, outStride).set(out);
      f.get(M).get(taken).emit('i32.sub').set(M);
    }
  });
}

/** M rows of x, a multiple of `rows`, times N rows of w, which are read once. */
function addPanel(module: ModuleBuilder, rows: number, columns: number): FunctionRef {
  const wide = addTile(module, rows, columns);
  const narrow = addTile(module, rows, 1);
  return module.addFunction(`panel${rows}`, { params: PANEL_PARAMS }, (f, p) => {
    const n = f.local('i32', 'n');
    const whole = f.local('i32', 'whole');
    f.get(p.N).i32(-columns).emit('i32.and').set(whole);
    const walk = (from: Local | number, to: Local, step: number, tile: FunctionRef): void => {
      f.forLoop(n, from, to, step, () => callTiles(f, p, n, rows, tile));
    };
    walk(0, whole, columns, wide);
    walk(n, p.N, 1, narrow);
  });
}

type Locals<P> = { readonly [K in keyof P]: Local };

/** The tiles of all rows of x and the rows of w from n on. */
function callTiles(
  f: FunctionBuilder,
  p: Locals<typeof PANEL_PARAMS>,
  n: Local,
  rows: number,
  tile: FunctionRef,
): void {
  const m = f.local('i32');
  f.forLoop(m, 0, p.M, rows, () => {
    pushRow(f, p.x, m, p.xStrideBytes).get(p.xStrideBytes);
    pushRow(f, p.w, n, p.wStrideBytes).get(p.wStrideBytes);
    pushRow(f, p.out, m, p.outStrideBytes);
    pushProduct(f, n, ELEMENT_BYTES).emit('i32.add').get(p.outStrideBytes).get(p.rowBytes);
    f.emit('call', tile);
  });
}

function addTile(module: ModuleBuilder, rows: number, columns: number): FunctionRef {
  return module.addFunction(`tile${rows}x${columns}`, { params: TILE_PARAMS }, (f, p) => {
    const xs = rowPointers(f, p.x, p.xStrideBytes, rows);
    const ws = rowPointers(f, p.w, p.wStrideBytes, columns);
    const sums = xs.map(() => ws.map(() => f.local('v128')));
    const loaded = xs.map(() => f.local('v128'));
    const column = f.local('v128');
    const accumulate = (access: Access, offsetBytes: number): void => {
      xs.forEach((x, r) => access.load(f.get(x), offsetBytes).set(loaded[r]!));
      ws.forEach((w, c) => {
        access.load(f.get(w), offsetBytes).set(column);
        for (const [r, row] of sums.entries()) {
          f.get(row[c]!).get(loaded[r]!).get(column).emit('f32x4.mul').emit('f32x4.add');
          f.set(row[c]!);
        }
      });
    };
    walkRows(f, [...xs, ...ws], p.rowBytes, accumulate);
    storeSums(f, sums, p.out, p.outStrideBytes);
  });
}

/** Locals that point at the first rows: base, base + stride, … */
function rowPointers(f: FunctionBuilder, base: Local, strideBytes: Local, count: number): Local[] {
  const pointers = [base];
  while (pointers.length < count) {
    const next = f.local('i32');
    f.get(pointers.at(-1)!).get(strideBytes).emit('i32.add').set(next);
    pointers.push(next);
  }
  return pointers;
}

/** Moves all pointers along a row: unrolled vectors, single vectors, single elements. */
function walkRows(
  f: FunctionBuilder,
  pointers: readonly Local[],
  rowBytes: Local,
  body: (access: Access, offsetBytes: number) => void,
): void {
  const [lead, ...others] = pointers as [Local, ...Local[]];
  const start = f.local('i32');
  const end = f.local('i32');
  f.get(lead).set(start);
  const walk = (access: Access, count: number): void => {
    const stepBytes = access.bytes * count;
    f.get(start).get(rowBytes).i32(-stepBytes).emit('i32.and').emit('i32.add').set(end);
    f.forLoop(lead, lead, end, stepBytes, () => {
      for (let i = 0; i < count; i++) body(access, i * access.bytes);
      for (const pointer of others) f.advance(pointer, stepBytes);
    });
  };
  walk(WHOLE, UNROLL);
  walk(WHOLE, 1);
  walk(SINGLE, 1);
}

/** Stores the sum of the lanes of each accumulator. */
function storeSums(
  f: FunctionBuilder,
  sums: readonly (readonly Local[])[],
  out: Local,
  outStrideBytes: Local,
): void {
  const scratch = f.local('v128');
  for (const row of sums) {
    for (const [c, sum] of row.entries()) {
      f.get(out).get(sum);
      SINGLE.store(reduceLanes(f, 'f32x4.add', scratch), c * ELEMENT_BYTES);
    }
    f.advance(out, outStrideBytes);
  }
}
