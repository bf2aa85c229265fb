/**
 * The gated delta rule of one head, token by token, with the bits of ../kernels/recurrence.ts: no operation is fused.
 *
 * ```
 * for each 64 columns of the state, then each 16     a block of all its rows stays in the first cache
 *   for each token
 *     Δ = β (v − Σ_i k_i · e^g S_i)                   one walk of the block
 *     S_i = e^g S_i + k_i Δ,  out = scale · Σ_i q_i S_i   another
 * ```
 */
import {
  at,
  broadcast,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { advanceCell, copyCell, whilePositive } from './cells.ts';
import { EXACT_EXP_CONSTANTS, emitExactExp } from './exactExponential.ts';
import { Constants } from './lanes.ts';

/**
 * Arguments. Pointers are addresses, strides bytes; `tokens`, `K` rows and `V` columns of the state, a multiple of 16,
 * none zero. decay and beta are `gateStride` apart, q and k `keyStride`, v and out `valueStride`. The state starts from
 * zeros where `fresh` is not 0; `scale` is an f32 in the cell's low half.
 */
export const GATED_DELTA = [
  ...(['state', 'q', 'k', 'keyStride', 'v', 'out', 'valueStride'] as const),
  ...(['decay', 'beta', 'gateStride', 'tokens', 'K', 'V', 'fresh', 'scale'] as const),
];

/** What `V` must be a multiple of. */
export const DELTA_COLUMNS = 16;

type Block = Readonly<Record<(typeof GATED_DELTA)[number], Memory>>;

/** What moves on from token to token. */
const OF_TOKEN = [
  ['q', 'keyStride'],
  ['k', 'keyStride'],
  ['v', 'valueStride'],
  ['out', 'valueStride'],
  ['decay', 'gateStride'],
  ['beta', 'gateStride'],
] as const;

const VECTOR_BYTES = 64;

/** Adds `gatedDelta`. */
export function addGatedDelta(assembler: Assembler): void {
  const constants = new Constants(assembler, EXACT_EXP_CONSTANTS);
  assembler.addFunction('gatedDelta', GATED_DELTA, (f, block) => {
    new GatedDelta(f, block, constants).emit();
  });
}

class GatedDelta {
  readonly #f: FunctionBuilder;
  readonly #block: Block;
  readonly #constants: Constants;
  /** The first column at hand, in bytes, and how many bytes a row of the state has. */
  readonly #column: Memory;
  readonly #rowBytes: Memory;
  readonly #tokensLeft: Memory;
  readonly #token: Readonly<Record<(typeof OF_TOKEN)[number][0], Memory>>;

  constructor(f: FunctionBuilder, block: Block, constants: Constants) {
    this.#f = f;
    this.#block = block;
    this.#constants = constants;
    [this.#column, this.#rowBytes, this.#tokensLeft] = [f.slot(), f.slot(), f.slot()];
    this.#token = Object.fromEntries(OF_TOKEN.map(([name]) => [name, f.slot()])) as never;
  }

  emit(): void {
    const f = this.#f;
    copyCell(f, this.#rowBytes, this.#block.V);
    const [bytes] = f.load(this.#rowBytes) as [General];
    f.emit('shl', bytes, 2).emit('mov', this.#rowBytes, bytes).free(bytes);
    f.emit('mov', this.#column, 0);
    for (const vectors of [4, 1]) this.#emitBlocks(vectors);
  }

  /** Blocks of so many vectors, while there are columns enough. */
  #emitBlocks(vectors: number): void {
    const f = this.#f;
    const [next, end] = [f.label('block'), f.label('blockEnd')];
    const column = f.general();
    f.place(next)
      .emit('mov', column, this.#column)
      .emit('add', column, vectors * VECTOR_BYTES);
    f.emit('cmp', column, this.#rowBytes).free(column).emit('ja', end);
    this.#clearIfFresh(vectors);
    for (const [name] of OF_TOKEN) copyCell(f, this.#token[name], this.#block[name]);
    copyCell(f, this.#tokensLeft, this.#block.tokens);
    whilePositive(f, this.#tokensLeft, () => {
      this.#emitToken(vectors);
      for (const [name, stride] of OF_TOKEN)
        advanceCell(f, this.#token[name], this.#block[stride], 1);
      f.emit('sub', this.#tokensLeft, 1);
    });
    f.emit('add', this.#column, vectors * VECTOR_BYTES)
      .emit('jmp', next)
      .place(end);
  }

  #clearIfFresh(vectors: number): void {
    const f = this.#f;
    const kept = f.label('kept');
    f.emit('cmp', this.#block.fresh, 0).emit('je', kept);
    const zero = f.vector(512);
    f.emit('vpxord', zero, zero, zero);
    this.#eachRow((row) => {
      for (let v = 0; v < vectors; v++) f.emit('vmovups', at(row, VECTOR_BYTES * v), zero);
    });
    f.free(zero).place(kept);
  }

  #emitToken(vectors: number): void {
    const f = this.#f;
    const [sums, cells] = [f.vectors(512, vectors), f.vectors(512, vectors)];
    const [change, factor] = [f.vectors(512, vectors), f.vector(512)];
    const [decay] = f.load(this.#token.decay) as [General];
    f.emit('vbroadcastss', factor, at(decay)).free(decay);
    emitExactExp(f, this.#constants, factor);
    const decayed = (row: General): void =>
      cells.forEach((cell, v) => f.emit('vmulps', cell, factor, at(row, VECTOR_BYTES * v)));
    const clear = (): void => sums.forEach((sum) => f.emit('vpxord', sum, sum, sum));

    clear();
    const [key] = f.load(this.#token.k) as [General];
    this.#eachRow((row) => {
      decayed(row);
      cells.forEach((cell) => f.emit('vmulps', cell, cell, broadcast(at(key))));
      sums.forEach((sum, v) => f.emit('vaddps', sum, sum, cells[v]!));
      f.emit('add', key, 4);
    });
    this.#setChange(sums, change);

    clear();
    const [query] = f.load(this.#token.q) as [General];
    f.emit('mov', key, this.#token.k);
    this.#eachRow((state) => {
      decayed(state);
      const product = f.vector(512);
      cells.forEach((cell, v) => {
        f.emit('vmulps', product, change[v]!, broadcast(at(key)));
        f.emit('vaddps', cell, cell, product).emit('vmovups', at(state, VECTOR_BYTES * v), cell);
        f.emit('vmulps', cell, cell, broadcast(at(query)));
      });
      sums.forEach((sum, v) => f.emit('vaddps', sum, sum, cells[v]!));
      f.emit('add', key, 4).emit('add', query, 4).free(product);
    });
    f.free(query, key);
    this.#storeOutput(sums);
    f.free(factor, ...change, ...cells, ...sums);
  }

  /** Δ = β (v − sum) */
  #setChange(sums: readonly Vector[], change: readonly Vector[]): void {
    const f = this.#f;
    const [value, beta] = f.load(this.#token.v, this.#token.beta) as [General, General];
    f.emit('add', value, this.#column);
    sums.forEach((sum, v) => {
      f.emit('vmovups', change[v]!, at(value, VECTOR_BYTES * v));
      f.emit('vsubps', change[v]!, change[v]!, sum);
      f.emit('vmulps', change[v]!, change[v]!, broadcast(at(beta)));
    });
    f.free(value, beta);
  }

  #storeOutput(sums: readonly Vector[]): void {
    const f = this.#f;
    const [out] = f.load(this.#token.out) as [General];
    f.emit('add', out, this.#column);
    sums.forEach((sum, v) => {
      f.emit('vmulps', sum, sum, broadcast(this.#block.scale));
      f.emit('vmovups', at(out, VECTOR_BYTES * v), sum);
    });
    f.free(out);
  }

  /** Each row of the block, from its first column. */
  #eachRow(body: (row: General) => void): void {
    const f = this.#f;
    const [row, stride, count] = f.load(this.#block.state, this.#rowBytes, this.#block.K) as [
      General,
      General,
      General,
    ];
    f.emit('add', row, this.#column).repeat(count, () => {
      body(row);
      f.emit('add', row, stride);
    });
    f.free(row, stride, count);
  }
}
