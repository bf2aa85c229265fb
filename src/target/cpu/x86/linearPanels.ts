/**
 * Matrix products on panels of weights (../panels/): out[m][n] = Σ_k x[m][k]·w[n][k].
 *
 * ```
 * for each panel of 32 rows of w
 *   for each piece of its blocks          all of them for as many rows as two tiles have; else as many as stay in the first cache,
 *     (unpack the piece)                  unpacked once for all rows: lines as the products want them, factors in f32
 *     for each tile of rows of x          sums of earlier pieces lie in out
 * ```
 */
import type {
  Assembler,
  FunctionBuilder,
  General,
  Label,
  Memory,
  Vector,
} from '../../../x86/index.ts';
import { PANEL_ROWS, type PanelFormatName } from '../panels/panelFormats.table.ts';
import { advanceCell, copyCell, loadAtMost, whilePositive } from './cells.ts';
import { columnsOf, type Columns } from './columns.ts';
import type { Fetch } from './panelTile.ts';
import { variantsOf, type Variant } from './panelVariants.ts';
import { freeRowPointers, loadRowPointers, MAX_ROWS } from './rowTile.ts';

/**
 * Arguments. Pointers are addresses, strides bytes; `M` rows of x, `blocks` of 32 columns, `N` rows of w, of
 * which the last panel may have fewer than 32. None is zero. Rows of x should fit in the second cache.
 */
export const LINEAR_PANELS = [
  ...(['x', 'xStride', 'w', 'out', 'outStride'] as const),
  ...(['M', 'blocks', 'N'] as const),
];

type Block = Readonly<Record<(typeof LINEAR_PANELS)[number], Memory>>;

/** More blocks than a row has. */
const ALL_BLOCKS = 2 ** 30;
/**
 * How far ahead of a single tile weights are fetched: past the page, where the hardware stops by itself. The second cache has more
 * places than the first for lines that are on their way, so it is asked some blocks earlier, which short
 * runs of experts gain from.
 */
const AHEAD = [
  { cache: 'second', distanceBytes: 12288 },
  { cache: 'first', distanceBytes: 8192 },
] as const;

/**
 * The first tiles of so many rows share the wait for the next piece: as many as there are rows for, as loads of their own wait
 * for the same few places for lines that are on their way.
 */
interface Fetching {
  readonly tiles: number;
  readonly rows: { readonly from: number; readonly below: number };
}
const FEW_TILES = 2;
const MANY_TILES = 8;
const MANY_ROWS = MANY_TILES * MAX_ROWS;
const FETCHING: readonly Fetching[] = [
  { tiles: FEW_TILES, rows: { from: 0, below: MANY_ROWS } },
  { tiles: MANY_TILES, rows: { from: MANY_ROWS, below: Infinity } },
];

/** Adds `linearPanels` of a format. */
export function addLinearPanels(assembler: Assembler, format: PanelFormatName): Label {
  const name = linearPanelsName(format);
  const { few, many } = variantsOf(assembler, format);
  const add = (suffix: string, variant: Variant) =>
    assembler.addFunction(`${name}.${suffix}`, LINEAR_PANELS, (f, block) =>
      new LinearPanels(f, block, variant, columnsOf(assembler, f)).emit(),
    );
  const [fewRows, manyRows] = [add('few', few), add('many', many)];
  return assembler.addFunction(name, LINEAR_PANELS, (f, { M }) => {
    f.emit('cmp', M, 2 * few.tileRows)
      .emit('jbe', fewRows)
      .emit('jmp', manyRows);
  });
}

/** The function's name for a format. */
export function linearPanelsName(format: PanelFormatName): string {
  return `linearPanels.${format}`;
}

class LinearPanels {
  readonly #f: FunctionBuilder;
  readonly #block: Block;
  readonly #variant: Variant;
  readonly #constants: readonly Vector[];
  readonly #columns: Columns;
  /** Where the loops are: in w and out; in a row of x; in the rows of x and out. */
  readonly #w: Memory;
  readonly #out: Memory;
  readonly #columnsLeft: Memory;
  readonly #xPiece: Memory;
  readonly #blocksBefore: Memory;
  readonly #blocksLeft: Memory;
  readonly #pieceBlocks: Memory;
  readonly #xTile: Memory;
  readonly #outTile: Memory;
  readonly #rowsLeft: Memory;
  /** Weights to fetch, and tiles that do so. */
  readonly #ahead: Memory;
  readonly #fetchesLeft: Memory;
  /** Where the piece is that tiles read. */
  readonly #plain: Memory;
  readonly #room: Memory | undefined;

  constructor(f: FunctionBuilder, block: Block, variant: Variant, columns: Columns) {
    this.#f = f;
    this.#block = block;
    this.#variant = variant;
    this.#columns = columns;
    this.#constants = variant.prepare(f);
    [this.#w, this.#out, this.#columnsLeft] = [f.slot(), f.slot(), f.slot()];
    [this.#xPiece, this.#blocksBefore, this.#blocksLeft] = [f.slot(), f.slot(), f.slot()];
    [this.#xTile, this.#outTile, this.#rowsLeft] = [f.slot(), f.slot(), f.slot()];
    [this.#pieceBlocks, this.#plain] = [f.slot(), f.slot()];
    [this.#ahead, this.#fetchesLeft] = [f.slot(), f.slot()];
    const { unpacking, pieceBlocks = 0 } = variant;
    this.#room = unpacking && f.slot(pieceBlocks * unpacking.blockBytes);
  }

  emit(): void {
    const f = this.#f;
    const { w, out, N, x, blocks } = this.#block;
    copyCell(f, this.#w, w);
    copyCell(f, this.#out, out);
    copyCell(f, this.#columnsLeft, N);
    whilePositive(f, this.#columnsLeft, () => {
      this.#columns.set(this.#columnsLeft);
      copyCell(f, this.#xPiece, x);
      copyCell(f, this.#blocksLeft, blocks);
      f.emit('mov', this.#blocksBefore, 0);
      whilePositive(f, this.#blocksLeft, () => this.#emitPiece());
      f.emit('add', this.#out, 4 * PANEL_ROWS).emit('sub', this.#columnsLeft, PANEL_ROWS);
    });
  }

  #emitPiece(): void {
    const f = this.#f;
    this.#startPiece();
    copyCell(f, this.#xTile, this.#xPiece);
    copyCell(f, this.#outTile, this.#out);
    copyCell(f, this.#rowsLeft, this.#block.M);
    if (this.#isMany) {
      this.#startFetching();
      for (const fetching of FETCHING) this.#fetchInTiles(fetching);
    } else this.#emitTiles(this.#variant.storedBytes);
    this.#whileRows(() => this.#emitTiles());
    this.#endPiece();
  }

  #startPiece(): void {
    const f = this.#f;
    const [blocks, plain] = [f.general(), f.general()];
    loadAtMost(f, blocks, this.#blocksLeft, this.#variant.pieceBlocks ?? ALL_BLOCKS);
    f.emit('mov', this.#pieceBlocks, blocks);
    if (this.#room) {
      f.emit('lea', plain, this.#room).emit('mov', this.#plain, plain);
      const [from] = f.load(this.#w) as [General];
      this.#variant.unpacking!.emit(f, from, plain, blocks, this.#constants);
      f.free(from);
    } else {
      f.emit('mov', plain, this.#w).emit('mov', this.#plain, plain);
    }
    f.free(plain, blocks);
  }

  #endPiece(): void {
    const f = this.#f;
    const [blocks, bytes] = [...f.load(this.#pieceBlocks), f.general()] as [General, General];
    f.emit('sub', this.#blocksLeft, blocks).emit('add', this.#blocksBefore, blocks);
    f.emit('imul', bytes, blocks, this.#variant.activationBytes).emit('add', this.#xPiece, bytes);
    f.emit('imul', bytes, blocks, this.#variant.storedBytes).emit('add', this.#w, bytes);
    f.free(bytes, blocks);
  }

  /** Whether panels are taken piece by piece, for at least three tiles. */
  get #isMany(): boolean {
    return this.#variant.pieceBlocks !== undefined;
  }

  /** Where the next piece is, behind a whole one. */
  #startFetching(): void {
    const f = this.#f;
    const { pieceBlocks = 0, storedBytes } = this.#variant;
    const [ahead] = f.load(this.#w) as [General];
    f.emit('add', ahead, pieceBlocks * storedBytes)
      .emit('mov', this.#ahead, ahead)
      .free(ahead);
  }

  /** The first tiles, if there are so many rows, with a share of the next piece each. */
  #fetchInTiles({ tiles, rows: { from, below } }: Fetching): void {
    const f = this.#f;
    const end = f.label('fetched');
    f.emit('cmp', this.#block.M, from).emit('jl', end);
    if (below < Infinity) f.emit('cmp', this.#block.M, below).emit('jge', end);
    f.emit('mov', this.#fetchesLeft, tiles);
    whilePositive(f, this.#fetchesLeft, () => {
      this.#emitTiles(this.#variant.storedBytes / tiles);
      f.emit('sub', this.#fetchesLeft, 1);
    });
    f.place(end);
  }

  /** Repeat for the rows left, of which there may be none. */
  #whileRows(body: () => void): void {
    const f = this.#f;
    const end = f.label('rowsEnd');
    f.emit('cmp', this.#rowsLeft, 0).emit('je', end);
    whilePositive(f, this.#rowsLeft, body);
    f.place(end);
  }

  /** One tile, of as many rows as suits the rows left; meanwhile weights are fetched, so many bytes a block. */
  #emitTiles(aheadBytes = 0): void {
    const f = this.#f;
    const rows = f.general();
    const tiles = this.#variant.rows.map((count) => ({ count, label: f.label(`tile${count}_`) }));
    const end = f.label('endTile');
    this.#chooseRows(rows);
    for (const { count, label } of tiles) f.emit('cmp', rows, count).emit('je', label);
    f.free(rows);
    for (const { count, label } of tiles) {
      f.place(label);
      this.#emitTile(count, aheadBytes);
      advanceCell(f, this.#xTile, this.#block.xStride, count);
      advanceCell(f, this.#outTile, this.#block.outStride, count);
      f.emit('sub', this.#rowsLeft, count).emit('jmp', end);
    }
    f.place(end);
  }

  /** A tile's rows of twice as many or more, half of fewer than those, all that the largest tile has. */
  #chooseRows(rows: General): void {
    const f = this.#f;
    const all = f.label('all');
    f.emit('mov', rows, this.#rowsLeft).emit('cmp', rows, Math.max(...this.#variant.rows));
    f.emit('jbe', all);
    loadAtMost(f, rows, this.#rowsLeft, 2 * this.#variant.tileRows);
    f.emit('inc', rows).emit('shr', rows, 1).place(all);
  }

  #emitTile(rows: number, aheadBytes: number): void {
    const f = this.#f;
    const x = loadRowPointers(f, { base: this.#xTile, stride: this.#block.xStride }, rows);
    const out = { base: this.#outTile, stride: this.#block.outStride };
    const [w, blocks, ahead] = f.load(this.#plain, this.#pieceBlocks, this.#ahead) as [
      General,
      General,
      General,
    ];
    const fetches = aheadBytes > 0 ? this.#fetches(w, ahead, aheadBytes) : [];
    const columns = this.#columns;
    const place = { x, out, w, blocks, columns, fetches, blocksBefore: this.#blocksBefore };
    this.#variant.emitTile(f, this.#constants, place, rows);
    if (aheadBytes > 0) f.emit('mov', this.#ahead, ahead);
    freeRowPointers(f, x);
    f.free(w, blocks, ahead);
  }

  /** So many bytes a block: of the next piece, or of those that follow in memory. */
  #fetches(w: General, ahead: General, bytes: number): readonly Fetch[] {
    if (this.#isMany) return [{ from: ahead, distanceBytes: 0, bytes, cache: 'first' }];
    return AHEAD.map((place) => ({ ...place, from: w, bytes }));
  }
}
