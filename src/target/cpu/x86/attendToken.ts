/**
 * Attention of one token: all heads of some groups, over the keys and values of its sequence. Blocks of 32 keys on the
 * outside and groups inside, as rows of the state have their groups side by side: memory is read in its order, and while one
 * group is at work the next one's rows are fetched.
 *
 * The numbers are those of `attention` (attention.ts), bit for bit: a score is summed over d in ascending order, blocks start at
 * key 0, and weights and sums are made alike. Heads of a group are few here, so keys are turned around in registers and used
 * at once, and values are read where they are.
 */
import {
  at,
  broadcast,
  half,
  type Assembler,
  type FunctionBuilder,
  type General,
  type Label,
  type Memory,
  type Vector,
} from '../../../x86/index.ts';
import { emitWeights, KEYS, LANES, LINE_BYTES, offset } from './blockWeights.ts';
import { advanceCell, copyCell, loadAtMost, whilePositive } from './cells.ts';
import { Constants, emitInverse, emitReduce, emitTranspose, EXP_CONSTANTS } from './lanes.ts';

/**
 * Arguments. Pointers are addresses, strides bytes between tokens, `keyGroup` and `valueGroup` bytes between groups of a token.
 * Rows of q and out are heads, one behind the other. The first `seen` keys count, at least one. Widths are elements, multiples of
 * 16; `scale` is an f32 in the cell's low half. Limits: `TOKEN_LIMITS`.
 */
export const ATTEND_TOKEN = [
  ...(['q', 'keys', 'keyStride', 'keyGroup', 'values', 'valueStride', 'valueGroup'] as const),
  ...(['out', 'seen', 'groups', 'shared', 'keyWidth', 'valueWidth', 'scale'] as const),
];

/** The most heads of a call, and of a group: there each head more would turn the keys around again. */
export const TOKEN_LIMITS = { heads: 512, shared: 8 } as const;

type Block = Readonly<Record<(typeof ATTEND_TOKEN)[number], Memory>>;

const LANES_OF_VECTOR = 16;
/** Heads of a tile, and vectors of columns whose sums it keeps in registers. */
const TILES = [
  { heads: 4, columns: [4, 1] },
  { heads: 2, columns: [8, 1] },
  { heads: 1, columns: [8, 1] },
] as const;
const MOST_HEADS = TILES[0].heads;

/** Adds `attendToken`. */
export function addAttendToken(assembler: Assembler): void {
  const constants = new Constants(assembler, [...EXP_CONSTANTS, -Infinity]);
  assembler.addFunction('attendToken', ATTEND_TOKEN, (f, block) => {
    new AttendToken(f, block, constants).emit();
  });
}

class AttendToken {
  readonly #f: FunctionBuilder;
  readonly #block: Block;
  readonly #constants: Constants;
  /** Keys from here on, and in this block. */
  readonly #keysLeft: Memory;
  readonly #keysHere: Memory;
  /** The block's rows of the first group, and of the group at hand. */
  readonly #keyBlock: Memory;
  readonly #valueBlock: Memory;
  readonly #keys: Memory;
  readonly #values: Memory;
  /** From rows of this group to those that come next; 0 if there are none. */
  readonly #keyAhead: Memory;
  readonly #valueAhead: Memory;
  readonly #groupsLeft: Memory;
  readonly #headsLeft: Memory;
  readonly #q: Memory;
  readonly #out: Memory;
  readonly #column: Memory;
  readonly #keyBytes: Memory;
  readonly #valueBytes: Memory;
  /** The tile's first among the maxima, f32, and the sums, sixteen lanes each, of all heads. */
  readonly #maximum: Memory;
  readonly #sum: Memory;
  readonly #maxima: Memory;
  readonly #sums: Memory;
  /** The tile's weights, and the factors of its older sums. */
  readonly #weights: Memory;
  readonly #factors: Memory;

  constructor(f: FunctionBuilder, block: Block, constants: Constants) {
    this.#f = f;
    this.#block = block;
    this.#constants = constants;
    const slot = (): Memory => f.slot();
    [this.#keysLeft, this.#keysHere] = [slot(), slot()];
    [this.#keyBlock, this.#valueBlock, this.#keys, this.#values] = [slot(), slot(), slot(), slot()];
    [this.#keyAhead, this.#valueAhead] = [slot(), slot()];
    [this.#groupsLeft, this.#headsLeft, this.#q, this.#out] = [slot(), slot(), slot(), slot()];
    [this.#column, this.#keyBytes, this.#valueBytes] = [slot(), slot(), slot()];
    [this.#maximum, this.#sum] = [slot(), slot()];
    this.#maxima = f.slot(4 * TOKEN_LIMITS.heads);
    this.#sums = f.slot(LINE_BYTES * TOKEN_LIMITS.heads);
    this.#weights = f.slot(4 * KEYS * MOST_HEADS);
    this.#factors = f.slot(LINE_BYTES * MOST_HEADS);
  }

  emit(): void {
    const f = this.#f;
    this.#setWidths();
    this.#startHeads();
    copyCell(f, this.#keysLeft, this.#block.seen);
    copyCell(f, this.#keyBlock, this.#block.keys);
    copyCell(f, this.#valueBlock, this.#block.values);
    whilePositive(f, this.#keysLeft, () => {
      this.#startBlock();
      whilePositive(f, this.#groupsLeft, () => this.#emitGroup());
      advanceCell(f, this.#keyBlock, this.#block.keyStride, KEYS);
      advanceCell(f, this.#valueBlock, this.#block.valueStride, KEYS);
      f.emit('sub', this.#keysLeft, KEYS);
    });
    this.#finishHeads();
  }

  #setWidths(): void {
    const f = this.#f;
    const [keys, values] = f.load(this.#block.keyWidth, this.#block.valueWidth) as [
      General,
      General,
    ];
    f.emit('shl', keys, 2).emit('mov', this.#keyBytes, keys);
    f.emit('shl', values, 2).emit('mov', this.#valueBytes, values).free(values, keys);
  }

  /** Maxima −∞, sums and outputs 0. */
  #startHeads(): void {
    const f = this.#f;
    const [zero, lowest] = [f.vector(512), f.vector(512)];
    f.emit('vpxord', zero, zero, zero).emit('vbroadcastss', lowest, this.#constants.one(-Infinity));
    this.#eachHead((maximum, sum) => {
      f.emit('vmovss', at(maximum), { ...lowest, bits: 128 }).emit('vmovups', at(sum), zero);
      return (place) => f.emit('vmovups', place, zero);
    });
    f.free(zero, lowest);
  }

  /** out · (1 / l) */
  #finishHeads(): void {
    const f = this.#f;
    const [total, output] = [f.vector(512), f.vector(512)];
    this.#eachHead((_, sum) => {
      f.emit('vmovups', total, at(sum));
      emitReduce(f, 'vaddps', total);
      emitInverse(f, this.#constants, total);
      return (place) => {
        f.emit('vmovups', output, place).emit('vmulps', output, output, total);
        f.emit('vmovups', place, output);
      };
    });
    f.free(total, output);
  }

  /** For each head: `body` has its maximum and its sum, what it gives back has each vector of its output. */
  #eachHead(body: (maximum: General, sum: General) => (place: Memory) => void): void {
    const f = this.#f;
    const [heads, out] = f.load(this.#block.groups, this.#block.out) as [General, General];
    const [maximum, sum, vectors] = [f.general(), f.general(), f.general()];
    f.emit('imul', heads, this.#block.shared);
    f.emit('lea', maximum, this.#maxima).emit('lea', sum, this.#sums);
    f.repeat(heads, () => {
      const each = body(maximum, sum);
      f.emit('mov', vectors, this.#block.valueWidth).emit('shr', vectors, 4);
      f.repeat(vectors, () => {
        each(at(out));
        f.emit('add', out, LINE_BYTES);
      });
      f.emit('add', maximum, 4).emit('add', sum, LINE_BYTES);
    });
    f.free(vectors, sum, maximum, out, heads);
  }

  /** The first group of the next 32 keys, or of as many as there are. */
  #startBlock(): void {
    const f = this.#f;
    const [left, bits] = [f.general(), f.general()];
    loadAtMost(f, left, this.#keysLeft, KEYS);
    f.emit('mov', this.#keysHere, left).emit('mov', bits, -1).emit('bzhi', bits, bits, left);
    f.emit('kmovw', LANES[0], half(bits)).emit('shr', bits, 16);
    f.emit('kmovw', LANES[1], half(bits)).free(bits, left);
    copyCell(f, this.#keys, this.#keyBlock);
    copyCell(f, this.#values, this.#valueBlock);
    copyCell(f, this.#q, this.#block.q);
    copyCell(f, this.#out, this.#block.out);
    copyCell(f, this.#groupsLeft, this.#block.groups);
    const place = f.general();
    f.emit('lea', place, this.#maxima).emit('mov', this.#maximum, place);
    f.emit('lea', place, this.#sums).emit('mov', this.#sum, place).free(place);
  }

  /** All heads of a group; moves on to the next. */
  #emitGroup(): void {
    const f = this.#f;
    this.#setAhead(this.#keyAhead, this.#block.keyStride, this.#block.keyGroup);
    this.#setAhead(this.#valueAhead, this.#block.valueStride, this.#block.valueGroup);
    copyCell(f, this.#headsLeft, this.#block.shared);
    whilePositive(f, this.#headsLeft, () => this.#emitTiles());
    advanceCell(f, this.#keys, this.#block.keyGroup, 1);
    advanceCell(f, this.#values, this.#block.valueGroup, 1);
    f.emit('sub', this.#groupsLeft, 1);
  }

  /** The next rows are those of the next group, or of the first group 32 tokens on. */
  #setAhead(ahead: Memory, stride: Memory, group: Memory): void {
    const f = this.#f;
    const [bytes, back, end] = [f.general(), f.general(), f.label('ahead')];
    f.emit('mov', bytes, group).emit('cmp', this.#groupsLeft, 1).emit('jne', end);
    f.emit('xor', bytes, bytes).emit('cmp', this.#keysLeft, KEYS).emit('jle', end);
    f.emit('imul', bytes, stride, KEYS).emit('mov', back, this.#block.groups).emit('dec', back);
    f.emit('imul', back, group).emit('sub', bytes, back).place(end);
    f.emit('mov', ahead, bytes).free(back, bytes);
  }

  /** One tile of as many heads as there are, or the next smaller size. */
  #emitTiles(): void {
    const f = this.#f;
    const end = f.label('tileEnd');
    for (const { heads, columns } of TILES) {
      const smaller = f.label('smaller');
      f.emit('cmp', this.#headsLeft, heads).emit('jl', smaller);
      this.#emitTile(heads, columns, end);
      f.place(smaller);
    }
    f.place(end);
  }

  #emitTile(heads: number, columns: readonly number[], end: Label): void {
    const f = this.#f;
    const scores = Array.from({ length: heads }, () => [f.vector(512), f.vector(512)] as const);
    for (const sum of scores.flat()) f.emit('vpxord', sum, sum, sum);
    const done = f.label('scored');
    this.#score(scores, 0);
    f.emit('cmp', this.#keysHere, LANES_OF_VECTOR).emit('jle', done);
    this.#score(scores, 1);
    f.place(done);
    for (const [head, both] of scores.entries()) this.#weigh(head, both);
    f.free(...scores.flat());
    this.#sumValues(heads, columns);
    advanceCell(f, this.#q, this.#keyBytes, heads);
    advanceCell(f, this.#out, this.#valueBytes, heads);
    f.emit('add', this.#maximum, 4 * heads).emit('add', this.#sum, LINE_BYTES * heads);
    f.emit('sub', this.#headsLeft, heads).emit('jmp', end);
  }

  /** Scores of the tile's heads with the first or the last sixteen keys of the block; keys that are not there repeat the last. */
  #score(scores: readonly (readonly [Vector, Vector])[], part: 0 | 1): void {
    const f = this.#f;
    const [start, stride, left, width, q] = f.load(
      ...[this.#keys, this.#block.keyStride, this.#keysHere, this.#block.keyWidth, this.#q],
    ) as [General, General, General, General, General];
    const [key, next, ahead] = [f.general(), f.general(), f.general()];
    const keyBytes = f.general();
    f.emit('mov', keyBytes, this.#keyBytes).emit('mov', ahead, this.#keyAhead);
    if (part === 1) {
      f.emit('mov', next, stride).emit('shl', next, 4).emit('add', start, next);
      f.emit('sub', left, LANES_OF_VECTOR);
    }
    f.emit('shr', width, 4).repeat(width, () => {
      f.emit('mov', key, start);
      const rows = Array.from({ length: LANES_OF_VECTOR }, (_, row) => {
        const loaded = f.vector(512);
        f.emit('vmovups', loaded, at(key)).emit('prefetcht1', at(key, 0, ahead));
        f.emit('lea', next, at(key, 0, stride)).emit('cmp', left, row + 1);
        f.emit('cmova', key, next);
        return loaded;
      });
      const columns = emitTranspose(f, rows);
      f.emit('mov', next, q);
      scores.forEach((score, head) => {
        if (head > 0) f.emit('add', next, keyBytes);
        columns.forEach((column, d) =>
          f.emit('vfmadd231ps', score[part], column, broadcast(at(next, 4 * d))),
        );
      });
      f.free(...columns)
        .emit('add', start, LINE_BYTES)
        .emit('add', q, LINE_BYTES);
    });
    f.free(keyBytes, ahead, next, key, q, width, left, stride, start);
    const scale = broadcast(this.#block.scale);
    for (const score of scores) f.emit('vmulps', score[part], score[part], scale);
  }

  /** A head's weights from its scores, its maximum and sum with them, and the factor of what was before. */
  #weigh(head: number, scores: readonly [Vector, Vector]): void {
    const [maximum, sum] = this.#f.load(this.#maximum, this.#sum) as [General, General];
    const rows = { maximum, sum, factors: this.#factors, weights: this.#weights };
    emitWeights(this.#f, this.#constants, rows, head, scores);
    this.#f.free(sum, maximum);
  }

  /** out = out · factor + Σ weight · value, as many vectors of columns at a time as the tile has registers for. */
  #sumValues(heads: number, columns: readonly number[]): void {
    const f = this.#f;
    f.emit('mov', this.#column, 0);
    for (const vectors of columns) {
      const [next, end] = [f.label('columns'), f.label('columnsEnd')];
      const column = f.general();
      f.place(next)
        .emit('mov', column, this.#column)
        .emit('add', column, LINE_BYTES * vectors);
      f.emit('cmp', column, this.#valueBytes).emit('jg', end).free(column);
      this.#sumColumns(heads, vectors);
      f.emit('add', this.#column, LINE_BYTES * vectors)
        .emit('jmp', next)
        .place(end);
    }
  }

  #sumColumns(heads: number, vectors: number): void {
    const f = this.#f;
    const [value, stride, out, column, keys] = f.load(
      ...[this.#values, this.#block.valueStride, this.#out, this.#column, this.#keysHere],
    ) as [General, General, General, General, General];
    const [weights, ahead, bytes] = [f.general(), f.general(), f.general()];
    f.emit('add', value, column).emit('add', out, column).free(column);
    f.emit('mov', bytes, this.#valueBytes).emit('mov', ahead, this.#valueAhead);
    const sums = Array.from({ length: heads }, () => f.vectors(512, vectors));
    const [values, weight] = [f.vectors(512, vectors), f.vector(512)];
    this.#eachRow(sums, out, bytes, (sum, place, head) => {
      f.emit('vmovups', weight, offset(this.#factors, LINE_BYTES * head));
      f.emit('vmulps', sum, weight, place);
    });
    f.emit('lea', weights, this.#weights).repeat(keys, () => {
      values.forEach((vector, v) => {
        f.emit('vmovups', vector, at(value, LINE_BYTES * v));
        f.emit('prefetcht1', at(value, LINE_BYTES * v, ahead));
      });
      for (const [head, row] of sums.entries()) {
        f.emit('vbroadcastss', weight, at(weights, 4 * KEYS * head));
        row.forEach((sum, v) => f.emit('vfmadd231ps', sum, values[v]!, weight));
      }
      f.emit('add', weights, 4).emit('add', value, stride);
    });
    this.#eachRow(sums, out, bytes, (sum, place) => f.emit('vmovups', place, sum));
    f.free(bytes, ahead, weights, keys, out, stride, value, weight, ...values, ...sums.flat());
  }

  /** Do something to each sum and its place in the rows of out; `out` is where it was afterwards. */
  #eachRow(
    sums: readonly (readonly Vector[])[],
    out: General,
    rowBytes: General,
    body: (sum: Vector, place: Memory, head: number) => void,
  ): void {
    const f = this.#f;
    for (const [head, row] of sums.entries()) {
      row.forEach((sum, v) => body(sum, at(out, LINE_BYTES * v), head));
      f.emit('add', out, rowBytes);
    }
    for (const _ of sums) f.emit('sub', out, rowBytes);
  }
}
