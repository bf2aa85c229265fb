/**
 * GraphBuilder: writes a model down layer by layer, naming nodes and weights as the checkpoint does.
 *
 * Inside `within('layers.0', …)` and, in it, `within('self_attn', …)` the weight `q_proj.weight` is
 * `model.layers.0.self_attn.q_proj.weight`, and nodes are labelled `layers.0.self_attn`.
 */
import { UsageError } from '../../base/index.ts';
import {
  lastDim,
  makeNode,
  tensor,
  type Graph,
  type Node,
  type Op,
  type OpAttrs,
  type StoredPart,
  type StoredRows,
  type WeightSource,
} from '../../ir/index.ts';
import { concatenateRows, permuteStoredRows } from '../checkpoint/storedRows.ts';
import type { WeightKind } from '../checkpoint/tensorValues.ts';
import type { Tokenizer } from '../tokenizer.ts';

/** Where weights come from: f32 values by name, whose stored shape must be the one given. */
export interface WeightReader {
  has(name: string): boolean;
  /** Throws unless there is such a weight, stored in this shape and readable; reads no values. */
  requireWeight(name: string, shape: readonly number[], kind?: WeightKind): void;
  readF32(name: string, shape: readonly number[], kind?: WeightKind): Float32Array;
  /** Reads `count` rows from row `start`, where weights can be read by row. */
  readRows?(name: string, start: number, count: number): Float32Array;
  /** The rows of a weight as they are stored, where they are whole rows of a known format. */
  storedRows?(name: string): StoredRows | undefined;
  /** What is stored apart for a part of a weight. */
  storedPart?(name: string, part: string): StoredPart | undefined;
  /** The tokenizer of the model, where it has one; read when first asked for. */
  readonly tokenizer?: Tokenizer;
}

/** For a graph of a configuration alone: every read throws UsageError. */
export const NO_WEIGHTS: WeightReader = {
  has: () => false,
  requireWeight() {},
  readF32(name) {
    throw new UsageError('running a model must have its weights, not the configuration alone', {
      where: `weight ${name}`,
      hint: 'give the folder of a checkpoint',
    });
  },
};

/** A range of rows taken from each of `parts` equal parts of a stored matrix. */
export interface RowRange {
  readonly parts: number;
  /** Rows of one part as stored; rows taken from it. */
  readonly partRows: number;
  readonly start: number;
  readonly count: number;
  /** The parts are an axis of their own: (parts, partRows, columns). */
  readonly stacked?: boolean;
}

/** How a weight comes from what is stored. */
export interface Derivation {
  /** The stored shape; that of the weight when absent. */
  readonly stored?: readonly number[];
  derive(values: Float32Array): Float32Array;
  /** Where it is made of whole rows as stored: which one a row is. */
  readonly rows?: (row: number) => number;
}

/** How a weight is read. */
interface Readers extends StoredPart {
  readonly load: () => Float32Array;
  /** In which stored weight a row is, and where. */
  readonly placeOf?: (row: number) => [string, number];
}

/** Prefixes of the names of all weights but the head's: of a text model, of one in a multimodal model, of one without a head. */
const ROOTS = ['model.', 'model.language_model.', 'language_model.model.', ''] as const;

export interface BuilderOptions {
  /** Prefix of the names of all weights but the head's; found among the usual ones when absent. */
  readonly root?: string;
  /** Normalisation weights are stored around 0: w stands for 1 + w. */
  readonly zeroCentred?: boolean;
}

export class GraphBuilder {
  readonly tokens: Node;
  readonly position: Node;
  readonly #reader: WeightReader;
  #root: string;
  readonly #zeroCentred: boolean;
  readonly #weights = new Map<string, WeightSource>();
  readonly #states = new Map<string, Node>();
  readonly #scopes: string[] = [];

  constructor(reader: WeightReader, { root, zeroCentred = false }: BuilderOptions = {}) {
    this.#reader = reader;
    const found = ROOTS.find((prefix) => reader.has(`${prefix}embed_tokens.weight`));
    this.#root = root ?? found ?? ROOTS[0];
    this.#zeroCentred = zeroCentred;
    this.tokens = this.node('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
    this.position = this.node('input', [], { name: 'position', type: tensor('i32', ['B']) });
  }

  /** Builds inside the module `scope`. */
  within<T>(scope: string, build: () => T): T {
    this.#scopes.push(scope);
    try {
      return build();
    } finally {
      this.#scopes.pop();
    }
  }

  /** Builds inside the module `scope` of the checkpoint, which is no part of `model.`. */
  outside<T>(scope: string, build: () => T): T {
    const root = this.#root;
    this.#root = '';
    try {
      return this.within(scope, build);
    } finally {
      this.#root = root;
    }
  }

  /** Rows (B,T,width) that the graph of the model gave as `hidden`. */
  hidden(width: number): Node {
    return this.node('input', [], { name: 'hidden', type: tensor('f32', ['B', 'T', width]) });
  }

  /** A node labelled with the module it is in. */
  node<O extends Op>(op: O, inputs: readonly Node[], attrs: OpAttrs[O], name = ''): Node {
    return makeNode(op, inputs, attrs, [...this.#scopes, name].filter(Boolean).join('.'));
  }

  /** The weight `name` of the module. */
  weight(name: string, shape: readonly number[]): Node {
    return this.#declareWhole(this.#nameOf(name), shape, name);
  }

  /** Whether the module has a weight `name`; of a configuration alone it has none. */
  has(name: string): boolean {
    return this.#reader.has(this.#nameOf(name));
  }

  /** The weight `name`, stored in another shape or as other numbers: called `name[part]`, made when it is loaded. */
  derivedWeight(
    name: string,
    part: string,
    shape: readonly number[],
    derivation: Derivation,
  ): Node {
    const full = this.#nameOf(name);
    const { stored = shape, derive } = derivation;
    this.#reader.requireWeight(full, stored);
    const load = (): Float32Array => derive(this.#reader.readF32(full, stored));
    const { rows } = derivation;
    const taken = rows && permuteStoredRows(this.#reader.storedRows?.(full), rows);
    const apart = this.#reader.storedPart?.(full, part);
    const readers = { load, ...(taken && { stored: taken }), ...apart };
    return this.#declare(`${full}[${part}]`, shape, `${name}[${part}]`, readers);
  }

  /** A table of integers, kept as exact f32. */
  integers(name: string, shape: readonly number[]): Node {
    const full = this.#nameOf(name);
    this.#reader.requireWeight(full, shape, 'integers');
    const load = (): Float32Array => this.#reader.readF32(full, shape, 'integers');
    return this.#declare(full, shape, name, { load });
  }

  /** Numbers (V) that follow from the tokenizer, called `tokenizer[part]`, made when they are first used. */
  tokenTable(
    part: string,
    V: number,
    derive: (tokenizer: Tokenizer | undefined) => Float32Array,
  ): Node {
    const load = (): Float32Array => derive(this.#reader.tokenizer);
    return this.#declare(`tokenizer[${part}]`, [V], part, { load });
  }

  /** A weight (…shape) of one number, called `name`, that no checkpoint stores. */
  filled(name: string, shape: readonly number[], value: number): Node {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const load = (): Float32Array => new Float32Array(size).fill(value);
    return this.#declare(this.#nameOf(name), shape, name, { load });
  }

  /** The head's weight, which is no part of `model.` in the checkpoint. */
  rootWeight(name: string, shape: readonly number[]): Node {
    return this.#declareWhole(name, shape, name);
  }

  /** Weights of the same name and shape in each of `count` modules `list.i`, stacked. */
  stackedWeight(list: string, name: string, count: number, shape: readonly number[]): Node {
    const load = (): Float32Array => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      const all = new Float32Array(count * size);
      for (let i = 0; i < count; i++) {
        all.set(this.#reader.readF32(nameAt(i), shape), i * size);
      }
      return all;
    };
    const prefix = this.#nameOf(list);
    const nameAt = (i: number | '*'): string => `${prefix}.${i}.${name}`;
    for (let i = 0; i < count; i++) this.#reader.requireWeight(nameAt(i), shape);
    const parts = Array.from({ length: count }, (_, i) => this.#reader.storedRows?.(nameAt(i)));
    const stored = shape.length === 2 ? concatenateRows(parts, shape[0]!) : undefined;
    return this.#declare(nameAt('*'), [count, ...shape], `${list}.${name}`, { load, stored });
  }

  /**
   * A table (V,D) by rows: `name.weight`, or `parts` pieces `name.shard_i.weight` of as many rows, the
   * last with what is left. Rows can be read one by one.
   */
  table(name: string, parts: number, shape: readonly [number, number]): Node {
    if (this.has(`${name}.weight`)) return this.weight(`${name}.weight`, shape);
    const prefix = this.#nameOf(name);
    const [V, D] = shape;
    const pieceRows = Math.ceil(V / parts);
    const nameAt = (i: number | '*'): string => `${prefix}.shard_${i}.weight`;
    const shapes = Array.from({ length: Math.ceil(V / pieceRows) }, (_, i) => [
      Math.min(pieceRows, V - i * pieceRows),
      D,
    ]);
    for (const [i, piece] of shapes.entries()) this.#reader.requireWeight(nameAt(i), piece);
    const load = (): Float32Array => {
      const all = new Float32Array(V * D);
      for (const [i, piece] of shapes.entries()) {
        all.set(this.#reader.readF32(nameAt(i), piece), i * pieceRows * D);
      }
      return all;
    };
    const placeOf = (row: number): [string, number] => [
      nameAt(Math.floor(row / pieceRows)),
      row % pieceRows,
    ];
    return this.#declare(nameAt('*'), shape, name, { load, placeOf });
  }

  /** Some rows of a weight (rows, columns), called `name[part]`, in the shape given. */
  weightRows(name: string, part: string, range: RowRange, shape: readonly number[]): Node {
    const columns = shape.at(-1)!;
    const { parts, partRows } = range;
    const stored = range.stacked ? [parts, partRows, columns] : [parts * partRows, columns];
    const derive = (data: Float32Array): Float32Array => takeRows(data, range, columns);
    const { start, count } = range;
    const rows = (row: number): number =>
      Math.floor(row / count) * partRows + start + (row % count);
    return this.derivedWeight(name, part, shape, { stored, derive, rows });
  }

  /** x · Wᵀ with the weight `name.weight` (width, K). */
  linear(x: Node, name: string, width: number): Node {
    return this.project(x, this.weight(`${name}.weight`, [width, lastDim(x.type)]));
  }

  /** x · Wᵀ + b with the weights `name.weight` (width, K) and `name.bias` (width). */
  biasedLinear(x: Node, name: string, width: number): Node {
    const bias = this.weight(`${name}.bias`, [width]);
    return this.node('add', [this.linear(x, name, width), bias], {}, name);
  }

  /** x · Wᵀ, labelled as the weight is. */
  project(x: Node, weight: Node): Node {
    return makeNode('linear', [x, weight], {}, weight.label.replace(/\.weight$/, ''));
  }

  rmsNormalization(x: Node, name: string, epsilon: number): Node {
    return this.node('rmsNormalization', [x, this.#normWeight(name, x)], { epsilon }, name);
  }

  layerNormalization(x: Node, name: string, epsilon: number): Node {
    const [weight, bias] = ['weight', 'bias'].map((part) =>
      this.weight(`${name}.${part}`, [lastDim(x.type)]),
    ) as [Node, Node];
    return this.node('layerNormalization', [x, weight, bias], { epsilon }, name);
  }

  /**
   * Appends rows (B,T,G,K) to the state `name`; gives all rows of the sequence. With `tokensPerRow` a
   * row stands for so many tokens, and only those of tokens that end one are kept.
   */
  append(name: string, rows: Node, tokensPerRow?: number): Node {
    const type = tensor('f32', ['B', 'S', ...rows.type.shape.slice(2)]);
    const state = this.node('state', [], { name, type });
    const attrs = tokensPerRow === undefined ? {} : { tokensPerRow };
    const appended = this.node('append', [state, rows, this.position], attrs);
    this.#states.set(name, appended);
    return appended;
  }

  /** An op that changes the state `name` (B,…extents), its first input; gives its result. */
  stateful<O extends Op>(
    op: O,
    name: string,
    extents: readonly number[],
    inputs: readonly Node[],
    attrs: OpAttrs[O],
  ): Node {
    const state = this.node('state', [], { name, type: tensor('f32', ['B', ...extents]) });
    const result = this.node(op, [state, ...inputs], attrs);
    this.#states.set(name, result);
    return result;
  }

  /** The graph with these outputs. */
  finish(name: string, outputs: Readonly<Record<string, Node>>): Graph {
    const byName = new Map(Object.entries(outputs));
    return { name, outputs: byName, states: this.#states, weights: this.#weights };
  }

  #normWeight(name: string, x: Node): Node {
    const shape = [lastDim(x.type)];
    if (!this.#zeroCentred) return this.weight(`${name}.weight`, shape);
    const derive = (w: Float32Array): Float32Array => w.map((value) => 1 + value);
    return this.derivedWeight(`${name}.weight`, '1+w', shape, { derive });
  }

  #rowReader(placeOf: (row: number) => [string, number]): WeightSource['loadRows'] {
    const reader = this.#reader;
    if (reader.readRows === undefined) return undefined;
    return (start, count) =>
      readRowByRow(count, (i) => {
        const [name, row] = placeOf(start + i);
        return reader.readRows!(name, row, 1);
      });
  }

  #nameOf(name: string): string {
    return this.#root + [...this.#scopes, name].join('.');
  }

  #declareWhole(name: string, shape: readonly number[], label: string): Node {
    this.#reader.requireWeight(name, shape);
    const load = (): Float32Array => this.#reader.readF32(name, shape);
    const stored = this.#reader.storedRows?.(name);
    return this.#declare(name, shape, label, { load, stored, placeOf: (row) => [name, row] });
  }

  #declare(
    name: string,
    shape: readonly number[],
    label: string,
    { load, placeOf, stored, storedTransposed }: Readers,
  ): Node {
    const byRow = placeOf && this.#rowReader(placeOf);
    const source = { name, shape, load, ...(byRow && { loadRows: byRow }) };
    const rows = { ...(stored && { stored }), ...(storedTransposed && { storedTransposed }) };
    this.#weights.set(name, { ...source, ...rows });
    return this.node('weight', [], { name, type: tensor('f32', shape) }, label);
  }
}

function readRowByRow(count: number, read: (row: number) => Float32Array): Float32Array {
  const rows = Array.from({ length: count }, (_, i) => read(i));
  const width = rows[0]?.length ?? 0;
  const all = new Float32Array(count * width);
  for (const [i, row] of rows.entries()) all.set(row, i * width);
  return all;
}

function takeRows(data: Float32Array, range: RowRange, columns: number): Float32Array {
  const { parts, partRows, start, count } = range;
  const taken = new Float32Array(parts * count * columns);
  for (let part = 0; part < parts; part++) {
    const from = (part * partRows + start) * columns;
    taken.set(data.subarray(from, from + count * columns), part * count * columns);
  }
  return taken;
}
