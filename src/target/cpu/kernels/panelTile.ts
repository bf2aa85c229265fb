/**
 * One tile of a product: a few rows of int8 activations times the 32 rows of a panel, some vectors of those at a time,
 * so that all sums stay in registers; only a single row takes the panel in one go, as it comes from memory.
 *
 * Results are stored side by side and loads are side by side, so that a host may make one of two vectors.
 */
import {
  type FunctionBuilder,
  type FunctionRef,
  type Local,
  type ModuleBuilder,
} from '../../../wasm/index.ts';
import { type PanelFormat } from '../panels/panelFormats.table.ts';
import { type BlockProducts, type BlockSite, type BlockSums } from './blockSums.ts';
import {
  convertHalves,
  HALF_BYTES,
  PANEL_VECTORS,
  VECTOR_ROWS,
  type PanelKind,
} from './panelCodes.ts';
import { ACTIVATION_BLOCK } from './quantizeRows.ts';
import { ELEMENT_BYTES, pushProduct, pushRow, pushSplat, VECTOR_BYTES } from './vectors.ts';

/** `limit` rows of the panel there are. Pointers are of the first row; strides in bytes. */
const TILE_PARAMS = {
  x: 'i32',
  xStride: 'i32',
  w: 'i32',
  out: 'i32',
  outStride: 'i32',
  blocks: 'i32',
  limit: 'i32',
  table: 'v128',
} as const;

type Params = Readonly<Record<keyof typeof TILE_PARAMS, Local>>;

/** What the code for one kind of panels is made from. */
export interface Variant {
  readonly kind: PanelKind;
  readonly format: PanelFormat;
  readonly products: BlockProducts;
  readonly storeVector: FunctionRef;
}

/** Adds the tile of `rows` rows. */
export function addPanelTile(module: ModuleBuilder, variant: Variant, rows: number): FunctionRef {
  const name = `panelTile ${variant.kind} ${rows}`;
  return module.addFunction(name, { params: TILE_PARAMS }, (f, p) =>
    new PanelTile(f, p, variant, rows).emit(),
  );
}

class PanelTile {
  readonly #f: FunctionBuilder;
  readonly #p: Params;
  readonly #variant: Variant;
  readonly #site: BlockSite;
  readonly #sums: BlockSums;
  /** The first scale of a block for the vectors at hand. */
  readonly #halves: Local;
  readonly #scales: readonly Local[];
  /** For each row, of all vectors. */
  readonly #totals: readonly (readonly Local[])[];

  constructor(f: FunctionBuilder, p: Params, variant: Variant, rows: number) {
    const { products } = variant;
    [this.#f, this.#p, this.#variant] = [f, p, variant];
    const locals = (count: number, type: 'i32' | 'v128'): readonly Local[] =>
      Array.from({ length: count }, () => f.local(type));
    const atOnce = products.vectorsAtOnce(rows);
    const vectors = rows === 1 ? PANEL_VECTORS : atOnce;
    this.#site = { f, x: locals(rows, 'i32'), lines: f.local('i32', 'lines'), table: p.table };
    this.#sums = products.sums(f, rows, atOnce);
    this.#halves = f.local('i32', 'halves');
    this.#scales = locals(atOnce, 'v128');
    this.#totals = Array.from({ length: rows }, () => locals(vectors, 'v128'));
  }

  get #vectors(): number {
    return this.#totals[0]!.length;
  }

  emit(): void {
    const [f, p] = [this.#f, this.#p];
    const [at, block] = [f.local('i32', 'at'), f.local('i32', 'block')];
    f.forLoop(at, 0, PANEL_VECTORS, this.#vectors, () => {
      this.#start(at);
      f.forLoop(block, 0, p.blocks, 1, () => this.#addBlock());
      this.#store();
      f.advance(p.out, VECTOR_BYTES * this.#vectors);
      f.advance(p.limit, -VECTOR_ROWS * this.#vectors);
    });
  }

  #start(at: Local): void {
    const [f, p] = [this.#f, this.#p];
    for (const [m, pointer] of this.#site.x.entries()) {
      f.get(p.x);
      pushProduct(f, p.xStride, m).emit('i32.add').set(pointer);
    }
    pushRow(f, p.w, at, VECTOR_ROWS * HALF_BYTES).set(this.#halves);
    pushRow(f, p.w, at, VECTOR_BYTES).set(this.#site.lines);
    for (const total of this.#totals.flat()) pushSplat(f, 0).set(total);
  }

  #addBlock(): void {
    const f = this.#f;
    const { blockBytes } = this.#variant.format;
    const atOnce = this.#scales.length;
    for (let i = 0; i < this.#vectors; i += atOnce) {
      this.#addPart(Array.from({ length: atOnce }, (_, j) => i + j));
    }
    for (const pointer of this.#site.x) f.advance(pointer, ACTIVATION_BLOCK.bytes);
    f.advance(this.#halves, blockBytes).advance(this.#site.lines, blockBytes);
  }

  /** Adds f32(Σ level·a − bias·Σa) · (scaleW · scaleA) of these vectors. */
  #addPart(vectors: readonly number[]): void {
    const f = this.#f;
    this.#sums.multiply(this.#site, vectors);
    for (const [i, vector] of vectors.entries()) this.#pushScales(vector).set(this.#scales[i]!);
    for (const [m, row] of this.#totals.entries()) {
      for (const [i, vector] of vectors.entries()) {
        const total = row[vector]!;
        this.#sums.push(this.#site, m, i);
        f.emit('f32x4.convert_i32x4_s').get(this.#scales[i]!).get(this.#site.x[m]!);
        f.emit('v128.load32_splat', ACTIVATION_BLOCK.scaleAt).emit('f32x4.mul').emit('f32x4.mul');
        f.get(total).emit('f32x4.add').set(total);
      }
    }
  }

  /** Pushes the four scales of a vector. */
  #pushScales(vector: number): FunctionBuilder {
    const f = this.#f;
    f.get(this.#halves).emit('v128.load16x4_u', VECTOR_ROWS * HALF_BYTES * vector);
    return convertHalves(f);
  }

  #store(): void {
    const [f, p] = [this.#f, this.#p];
    f.get(p.limit).i32(VECTOR_ROWS * this.#vectors);
    f.emit('i32.ge_s').if(
      () => this.#forTotals((total, offset) => f.get(total).emit('v128.store', offset)),
      () => {
        this.#forTotals((total, offset) => {
          f.i32(offset).emit('i32.add').get(p.limit);
          f.i32(offset / ELEMENT_BYTES).emit('i32.sub');
          f.get(total).emit('call', this.#variant.storeVector);
        });
      },
    );
  }

  /** Runs `store` for each total, with the address of its row pushed and its offset there. */
  #forTotals(store: (total: Local, offset: number) => void): void {
    const [f, p] = [this.#f, this.#p];
    const [to] = this.#site.x as [Local];
    f.get(p.out).set(to);
    for (const row of this.#totals) {
      for (const [i, total] of row.entries()) {
        f.get(to);
        store(total, VECTOR_BYTES * i);
      }
      f.advance(to, p.outStride);
    }
  }
}

/** Stores the first `count` lanes, of which there are four. */
export function addStoreVector(module: ModuleBuilder): FunctionRef {
  const params = { out: 'i32', count: 'i32', value: 'v128' } as const;
  return module.addFunction('storeVector', { params }, (f, { out, count, value }) => {
    f.get(count).i32(VECTOR_ROWS).emit('i32.ge_s');
    f.if(() => f.get(out).get(value).emit('v128.store').emit('return'));
    for (let lane = 0; lane < VECTOR_ROWS - 1; lane++) {
      f.get(count).i32(lane).emit('i32.gt_s');
      f.if(() =>
        f
          .get(out)
          .get(value)
          .emit('v128.store32_lane', lane, ELEMENT_BYTES * lane),
      );
    }
  });
}
