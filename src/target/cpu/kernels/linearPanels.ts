/**
 * Products of rows of activations and weights in panels (../panels).
 *
 * A panel is walked for each tile of rows of x, a few of its 32 rows at a time, so that all sums stay in registers; only
 * a single row takes it in one go, as it comes from memory.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { BLOCK_COLUMNS, PANEL_ROWS, type PanelFormat } from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { integerSums, integerTiles } from './integerTile.ts';
import { KERNELS } from './kernels.table.ts';
import { byKind, forFormat, levelsOf } from './panelCodes.ts';
import { addStoreVector, addTile } from './panelTile.ts';
import { ACTIVATION_BLOCK } from './quantizeRows.ts';
import { ELEMENT_BYTES, pushProduct, pushRow } from './vectors.ts';

const WALK_PARAMS = { ...KERNELS.linearPanels, table: 'v128' } as const;

/** Adds `linearPanels`; `relaxed`: whether the host has relaxed SIMD. */
export function addLinearPanels(module: ModuleBuilder, relaxed: boolean): FunctionRef {
  const storeVector = addStoreVector(module);
  const walkOf = byKind((format, name) => addWalk(module, { name, format, storeVector, relaxed }));
  const spec = { params: KERNELS.linearPanels, exported: true };
  return module.addFunction('linearPanels', spec, (f, p) => {
    forFormat(f, p.format, (name) => {
      for (const local of Object.values(p)) f.get(local);
      f.emit('v128.const', levelsOf(name)).emit('call', walkOf(name));
    });
  });
}

/** What the code for one kind of panels is made from; the name is that of one of them. */
interface Variant {
  readonly name: string;
  readonly format: PanelFormat;
  readonly storeVector: FunctionRef;
  readonly relaxed: boolean;
}

/** The tiles, the most rows first. */
function tilesOf(module: ModuleBuilder, { name, format, storeVector, relaxed }: Variant) {
  return integerTiles(format, relaxed).map((tile) => ({
    rows: tile.rows,
    tile: addTile(module, name, tile, storeVector, (site) =>
      integerSums(site, format, tile, relaxed),
    ),
  }));
}

/** All panels, and for each all rows of x. */
function addWalk(module: ModuleBuilder, variant: Variant): FunctionRef {
  const tiles = tilesOf(module, variant);
  return module.addFunction(`panels ${variant.name}`, { params: WALK_PARAMS }, (f, p) => {
    const { x, w, out, outStride, M, N, K, table } = p;
    const [n, m, limit] = [f.local('i32', 'n'), f.local('i32', 'm'), f.local('i32', 'limit')];
    const [blocks, xStride] = [f.local('i32', 'blocks'), f.local('i32', 'xStride')];
    const last = f.local('i32', 'last');
    f.get(K).i32(BLOCK_COLUMNS).emit('i32.div_u').set(blocks);
    pushProduct(f, blocks, ACTIVATION_BLOCK.bytes).set(xStride);
    pushProduct(f, outStride, ELEMENT_BYTES).set(outStride);
    f.forLoop(n, 0, N, PANEL_ROWS, () => {
      f.get(N).get(n).emit('i32.sub').set(limit);
      f.i32(0).set(m);
      for (const { rows, tile } of tiles) {
        f.get(M).get(M).get(m).emit('i32.sub').i32(rows).emit('i32.rem_u').emit('i32.sub');
        f.set(last);
        f.forLoop(m, m, last, rows, () => {
          pushRow(f, x, m, xStride).get(xStride).get(w);
          pushRow(f, out, m, outStride);
          pushProduct(f, n, ELEMENT_BYTES).emit('i32.add');
          f.get(outStride).get(blocks).get(limit).get(table).emit('call', tile);
        });
      }
      f.get(w);
      pushPanelBytes(f, variant.format, blocks).emit('i32.add').set(w);
    });
  });
}

/** Pushes the bytes of a panel. */
export function pushPanelBytes(
  f: FunctionBuilder,
  format: PanelFormat,
  blocks: Local,
): FunctionBuilder {
  const { unitBlocks, unitBytes } = layoutOf(format);
  return f.get(blocks).i32(unitBlocks).emit('i32.div_u').i32(unitBytes).emit('i32.mul');
}
