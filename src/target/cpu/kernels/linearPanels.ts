/**
 * Products of rows in 8 bits (quantizeRows.ts) and weights in panels (../panels).
 *
 * The sums of a block are exact integers. An output is the sum over its blocks in ascending order, from 0, of
 * f32(Σ level·a − bias·Σa) · (scaleW · scaleA), every operation rounded by itself: the same bits whatever the tile, and
 * as those of the machine code.
 *
 * A panel is walked for each tile of rows of x (panelTile.ts).
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { PANEL_ROWS } from '../panels/panelFormats.table.ts';
import { blockProducts } from './blockSums.ts';
import { type ByteProducts } from './byteProducts.ts';
import { KERNELS } from './kernels.table.ts';
import { byKind, forFormat, levelsOf } from './panelCodes.ts';
import { addPanelTile, addStoreVector, type Variant } from './panelTile.ts';
import { ACTIVATION_BLOCK } from './quantizeRows.ts';
import { ELEMENT_BYTES, pushProduct, pushRow } from './vectors.ts';

const WALK_PARAMS = { ...KERNELS.linearPanels, table: 'v128' } as const;

/** Adds `linearPanels` for a host with these products. */
export function addLinearPanels(module: ModuleBuilder, bytes: ByteProducts): FunctionRef {
  const storeVector = addStoreVector(module);
  const walkOf = byKind((kind, format) => {
    const products = blockProducts(kind, format, bytes);
    return { products, walk: addWalk(module, { kind, format, products, storeVector }) };
  });
  const spec = { params: KERNELS.linearPanels, exported: true };
  return module.addFunction('linearPanels', spec, (f, p) => {
    forFormat(f, p.format, (name) => {
      const { products, walk } = walkOf(name);
      for (const local of Object.values(p)) f.get(local);
      f.emit('v128.const', levelsOf(name, products.levelBias)).emit('call', walk);
    });
  });
}

/** All panels, and for each all rows of x. */
function addWalk(module: ModuleBuilder, variant: Variant): FunctionRef {
  const tiles = Array.from({ length: variant.products.mostRows }, (_, i) =>
    addPanelTile(module, variant, i + 1),
  );
  return module.addFunction(`panels ${variant.kind}`, { params: WALK_PARAMS }, (f, p) => {
    const { x, w, out, outStride, M, N, K, table } = p;
    const [n, m, limit] = [f.local('i32', 'n'), f.local('i32', 'm'), f.local('i32', 'limit')];
    const [blocks, xStride] = [f.local('i32', 'blocks'), f.local('i32', 'xStride')];
    const rows = f.local('i32', 'rows');
    f.get(K).i32(ACTIVATION_BLOCK.columns).emit('i32.div_u').set(blocks);
    pushProduct(f, blocks, ACTIVATION_BLOCK.bytes).set(xStride);
    pushProduct(f, outStride, ELEMENT_BYTES).set(outStride);
    f.forLoop(n, 0, N, PANEL_ROWS, () => {
      f.get(N).get(n).emit('i32.sub').set(limit);
      f.i32(0).set(rows);
      f.forLoop(m, 0, M, rows, () => {
        f.get(M).get(m).emit('i32.sub').set(rows);
        limitRows(f, rows, tiles.length);
        for (const [i, tile] of tiles.entries()) {
          f.get(rows)
            .i32(i + 1)
            .emit('i32.eq');
          f.if(() => {
            pushRow(f, x, m, xStride).get(xStride).get(w);
            pushRow(f, out, m, outStride);
            pushProduct(f, n, ELEMENT_BYTES).emit('i32.add');
            f.get(outStride).get(blocks).get(limit).get(table).emit('call', tile);
          });
        }
      });
      f.get(w);
      pushProduct(f, blocks, variant.format.blockBytes).emit('i32.add').set(w);
    });
  });
}

/** Rows left to rows of the next tile: `most` of at least twice as many, half of less, all of no more than `most`. */
function limitRows(f: FunctionBuilder, rows: Local, most: number): void {
  f.get(rows)
    .i32(2 * most)
    .emit('i32.ge_u');
  f.if(
    () => f.i32(most).set(rows),
    () => {
      f.get(rows).i32(most).emit('i32.gt_u');
      f.if(() => f.get(rows).i32(1).emit('i32.add').i32(1).emit('i32.shr_u').set(rows));
    },
  );
}
