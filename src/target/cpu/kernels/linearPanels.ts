/**
 * Products of rows of activations and weights in panels (../panels). A panel is walked for each tile of rows of x
 * (panelTile.ts).
 */
import type { FunctionBuilder, FunctionRef, Local, ModuleBuilder } from '../../../wasm/index.ts';
import {
  BLOCK_COLUMNS,
  FLOAT_FORMATS,
  INTEGER_FORMATS,
  isFloatFormat,
  PANEL_ROWS,
  type FloatFormat,
  type FloatFormatName,
  type IntegerFormat,
  type PanelFormat,
  type PanelFormatName,
} from '../panels/panelFormats.table.ts';
import { layoutOf } from '../panels/panelLayout.ts';
import { blockProducts, type BlockProducts } from './blockSums.ts';
import type { ByteProducts } from './byteProducts.ts';
import { floatSums, floatVectors, MOST_FLOAT_ROWS } from './floatTile.ts';
import { integerSums } from './integerTile.ts';
import { KERNELS } from './kernels.table.ts';
import { biasOf, byKind, forFormat, levelsOf, PANEL_VECTORS } from './panelCodes.ts';
import { addPanelTile, addStoreVector, type Tile } from './panelTile.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, VECTOR_BYTES } from './vectors.ts';

const WALK_PARAMS = { ...KERNELS.linearPanels, table: 'v128' } as const;

/** What products on panels are emitted for. */
export interface PanelOptions {
  readonly products: ByteProducts;
  /** Formats that there are. */
  readonly formats: readonly PanelFormatName[];
}

/** Adds `linearPanels`; rows of x are f32 for formats of floats, else in 8 bits. */
export function addLinearPanels(module: ModuleBuilder, options: PanelOptions): FunctionRef {
  const { formats, products } = options;
  const storeVector = addStoreVector(module);
  const integers = byKind(formats, (format, name) =>
    addIntegerWalk(module, name, format, blockProducts(format, products), storeVector),
  );
  const floats = new Map(
    formats.filter(isFloatFormat).map((name) => {
      return [name, addFloatWalk(module, name, products !== 'none', storeVector)];
    }),
  );
  const spec = { params: KERNELS.linearPanels, exported: true };
  return module.addFunction('linearPanels', spec, (f, p) => {
    forFormat(f, p.format, formats, (name) => {
      for (const local of Object.values(p)) f.get(local);
      if (isFloatFormat(name)) {
        f.emit('v128.const', NO_LEVELS).emit('call', floats.get(name)!);
        return;
      }
      const bias = biasOf(INTEGER_FORMATS[name]);
      f.emit('v128.const', levelsOf(name, bias)).emit('call', integers(name));
    });
  });
}

const NO_LEVELS = new Uint8Array(VECTOR_BYTES);

function addIntegerWalk(
  module: ModuleBuilder,
  name: string,
  format: IntegerFormat,
  products: BlockProducts,
  storeVector: FunctionRef,
): FunctionRef {
  const tiles = Array.from({ length: products.mostRows }, (_, i): Tile => {
    const rows = i + 1;
    const vectors = rows === 1 ? PANEL_VECTORS : products.vectorsAtOnce(rows);
    const inMemory = rows > 1 && rows <= products.mostRowsInMemory;
    const sums: Tile['sums'] = (site) => integerSums(site, format, products);
    return { name, rows, vectors, inMemory, storeVector, sums };
  });
  return addWalk(module, name, format, tiles);
}

function addFloatWalk(
  module: ModuleBuilder,
  name: FloatFormatName,
  fused: boolean,
  storeVector: FunctionRef,
): FunctionRef {
  const format: FloatFormat = FLOAT_FORMATS[name];
  const tiles = Array.from({ length: MOST_FLOAT_ROWS }, (_, i): Tile => {
    const sums: Tile['sums'] = (site) => floatSums(site, format, fused);
    const rows = i + 1;
    return { name, rows, vectors: floatVectors(rows), inMemory: false, storeVector, sums };
  });
  return addWalk(module, name, format, tiles);
}

/** All panels, and for each all rows of x; tiles of one row, two, and so on. */
function addWalk(
  module: ModuleBuilder,
  name: string,
  format: PanelFormat,
  rowTiles: readonly Tile[],
): FunctionRef {
  const tiles = rowTiles.map((tile) => addPanelTile(module, tile));
  return module.addFunction(`panels ${name}`, { params: WALK_PARAMS }, (f, p) => {
    const { x, xStride, w, out, outStride, M, N, K, table } = p;
    const [n, m, limit] = [f.local('i32', 'n'), f.local('i32', 'm'), f.local('i32', 'limit')];
    const blocks = f.local('i32', 'blocks');
    const rows = f.local('i32', 'rows');
    f.get(K).i32(BLOCK_COLUMNS).emit('i32.div_u').set(blocks);
    pushProduct(f, xStride, ELEMENT_BYTES).set(xStride);
    pushProduct(f, outStride, ELEMENT_BYTES).set(outStride);
    f.forLoop(n, 0, N, PANEL_ROWS, () => {
      f.get(N).get(n).emit('i32.sub').set(limit);
      f.i32(0).set(rows);
      f.forLoop(m, 0, M, rows, () => {
        f.get(M).get(m).emit('i32.sub').set(rows);
        limitRows(f, rows, rowTiles, limit);
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
      pushPanelBytes(f, format, blocks).emit('i32.add').set(w);
    });
  });
}

/**
 * Rows left to rows of the next tile: the most that there are of at least twice as many, all of few, else half. Tiles with
 * their totals in memory are for few rows and whole panels; a panel that is not whole then goes row by row.
 */
function limitRows(f: FunctionBuilder, rows: Local, tiles: readonly Tile[], limit: Local): void {
  const most = tiles.length;
  const few = tiles.findLast(({ inMemory }) => inMemory)?.rows;
  f.get(rows)
    .i32(2 * most)
    .emit('i32.ge_u');
  f.if(
    () => f.i32(most).set(rows),
    () => {
      f.get(rows)
        .i32(few ?? most)
        .emit('i32.gt_u');
      f.if(() => f.get(rows).i32(1).emit('i32.add').i32(1).emit('i32.shr_u').set(rows));
    },
  );
  if (few === undefined) return;
  f.get(limit).i32(PANEL_ROWS).emit('i32.lt_s');
  f.if(() => f.i32(1).set(rows));
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
