/**
 * The interpreter: evaluates a graph node by node, as the op table says and Numerics rounds. It is
 * slow and obvious, the judge of every target.
 *
 * A constant (a weight, or what is made of weights alone, such as a quantised one) is computed when a
 * step first needs it and then kept, as long as those kept take no more than a limit: a model beyond it
 * is read again in every step, in the memory of its largest constant; of a table of embeddings beyond it
 * only the rows that the step needs are read. Values of a step are freed after
 * their last use. State stays between steps, belongs to no one graph, and grows when a step asks for
 * more. A state of rows can be taken up at any row; one that steps replace only where the last step left
 * it.
 */
import { CapacityError, UsageError } from '../base/index.ts';
import { ARITHMETIC_RULES } from './arithmetic.ts';
import { attributesToString } from './attributes.ts';
import { COMPRESSION_RULES } from './compression.ts';
import { CONTRACTION_RULES } from './contraction.ts';
import type { Evaluate, EvaluationRules, Step } from './evaluation.ts';
import { gatherTable, type RowSource } from './gather.ts';
import { countUses, topologicalOrder, type Graph, type Node } from './graph.ts';
import { MOVEMENT_RULES } from './movement.ts';
import type { Numerics } from './numerics.ts';
import type { Op } from './ops.table.ts';
import { SELECTION_RULES } from './selection.ts';
import { STREAM_RULES } from './streams.ts';
import { NGRAM_RULES } from './ngramRules.ts';
import { RECURRENCE_RULES } from './recurrence.ts';
import {
  hasReplacedStates,
  SlotStates,
  type InterpreterRows,
  type InterpreterSnapshot,
} from './slotStates.ts';
import { countElements, typeToString, type Dims } from './types.ts';
import { f32Value, i32Value, type Value } from './value.ts';

/** What a step is fed. */
export interface StepValues {
  /** Token ids [B][T], row-major. */
  readonly tokens: Int32Array;
  /** How many tokens each sequence already has [B]. */
  readonly positions: Int32Array;
  /** The slot of the first sequence, 0 when absent; the others follow it. */
  readonly firstSlot?: number;
  /** Rows [B][T] of another graph, where this one reads such. */
  readonly hidden?: Float32Array;
}

/** Constants that are kept: all of a model of a billion weights. */
const KEPT_BYTES = 4 * 2 ** 30;
/** The most that an element of any type takes. */
const ELEMENT_BYTES = 4;

const RULES: EvaluationRules = {
  input: ({ attrs }, _, step) => step[attrs.name] ?? failToRead(attrs.name),
  weight: ({ attrs }, _, step) => step.weight(attrs.name),
  state: ({ attrs }, _, step) => step.state(attrs.name, attrs.type),
  ...MOVEMENT_RULES,
  ...ARITHMETIC_RULES,
  ...CONTRACTION_RULES,
  ...SELECTION_RULES,
  ...COMPRESSION_RULES,
  ...STREAM_RULES,
  ...NGRAM_RULES,
  ...RECURRENCE_RULES,
};

/** What is known of a graph before its first step. */
interface Prepared {
  /** The nodes to evaluate each step: all but constants. */
  readonly order: readonly Node[];
  readonly constants: ReadonlyMap<Node, string>;
  readonly uses: ReadonlyMap<Node, number>;
  /** Whether it has a state that a step replaces. */
  readonly recurrent: boolean;
}

/** Runs graphs of one model with one arithmetic; holds their weights and states, by name. */
export class Interpreter {
  readonly #numerics: Numerics;
  readonly #prepared = new WeakMap<Graph, Prepared>();
  readonly #constants = new Map<string, Value>();
  readonly #states = new SlotStates();
  /** What may still be kept of constants. */
  #leftBytes: number;

  /** Keeps constants of `keptBytes` together. */
  constructor(numerics: Numerics, keptBytes = KEPT_BYTES) {
    this.#numerics = numerics;
    this.#leftBytes = keptBytes;
  }

  /**
   * Runs one step and returns the outputs by name. The sequences are those of consecutive slots. Throws CapacityError when a position is beyond `dims.S`, UsageError for tokens the model
   * does not have or a position that a replaced state has left, and what loading a weight throws.
   */
  run(graph: Graph, dims: Dims, fed: StepValues): Map<string, Value> {
    const prepared = this.#prepare(graph);
    const { positions, firstSlot = 0 } = fed;
    if (prepared.recurrent) this.#states.requireContinues(positions, firstSlot);
    const step = this.#step(graph, dims, fed);
    const values = new Map<Node, Value>();
    const uses = new Map(prepared.uses);
    const valueOf = (node: Node): Value => values.get(node) ?? this.#constant(node, prepared, step);
    for (const node of prepared.order) {
      const table = this.#tableInFile(node, prepared, graph);
      const inputs = table
        ? gatherTable(valueOf(node.inputs[0]!), table)
        : node.inputs.map(valueOf);
      values.set(node, evaluate(node, inputs, step));
      for (const input of node.inputs) release(input, uses, values);
    }
    this.#states.advance(positions, dims.T, firstSlot);
    return new Map([...graph.outputs].map(([name, node]) => [name, valueOf(node)]));
  }

  /** Forgets all state; weights stay. */
  reset(): void {
    this.#states.reset();
  }

  /** A copy of the states that steps replace, of a slot. */
  snapshot(slot = 0): InterpreterSnapshot {
    return this.#states.snapshot(slot);
  }

  /** Goes back to a snapshot of this interpreter; rows appended since stay, and are not seen. */
  restore(snapshot: InterpreterSnapshot, slot = 0): void {
    this.#states.restore(slot, snapshot);
  }

  /** A copy of the rows of tokens `from` to `to` of a slot. */
  saveRows(slot: number, from: number, to: number): InterpreterRows {
    return this.#states.saveRows(slot, from, to);
  }

  loadRows(slot: number, rows: InterpreterRows): void {
    this.#states.loadRows(slot, rows);
  }

  #prepare(graph: Graph): Prepared {
    const known = this.#prepared.get(graph);
    if (known !== undefined) return known;
    const nodes = topologicalOrder(graph);
    const constants = constantKeys(nodes);
    const order = nodes.filter((node) => !constants.has(node));
    const recurrent = hasReplacedStates(graph);
    const prepared = { order, constants, uses: countUses(graph), recurrent };
    this.#states.know(graph);
    this.#prepared.set(graph, prepared);
    return prepared;
  }

  #step(graph: Graph, dims: Dims, { tokens, positions, firstSlot = 0, hidden }: StepValues): Step {
    const { B, T } = dims;
    requireFits(dims, { tokens, positions });
    return {
      numerics: this.#numerics,
      tokens: i32Value([B, T], tokens),
      position: i32Value([B], positions),
      hidden: hidden && f32Value([B, T, hidden.length / (B * T)], hidden),
      weight: (name) => {
        const source = graph.weights.get(name)!;
        return f32Value(source.shape, source.load());
      },
      state: (name, type) => this.#states.at(name, type, dims, firstSlot),
    };
  }

  /** A constant that a step uses; the constants it is made of are not kept. */
  #constant(node: Node, { constants }: Prepared, step: Step): Value {
    const key = constants.get(node)!;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const compute = (part: Node): Value => evaluate(part, part.inputs.map(compute), step);
    const value = compute(node);
    this.#keep(key, value);
    return value;
  }

  /** The table of an embedding, if it cannot be kept but can be read by row. */
  #tableInFile(node: Node, { constants }: Prepared, graph: Graph): RowSource | undefined {
    if (node.op !== 'embedding') return undefined;
    const weight = node.inputs[1]!;
    const source = weight.op === 'weight' ? graph.weights.get(weight.attrs.name)! : undefined;
    const { shape = [], loadRows } = source ?? {};
    const fits = ELEMENT_BYTES * countElements(shape) <= this.#leftBytes;
    if (loadRows === undefined || fits || this.#constants.has(constants.get(weight)!)) {
      return undefined;
    }
    return { shape, loadRows };
  }

  #keep(key: string, value: Value): void {
    const sizeBytes = ELEMENT_BYTES * countElements(value.shape);
    if (sizeBytes > this.#leftBytes) return;
    this.#leftBytes -= sizeBytes;
    this.#constants.set(key, value);
  }
}

function failToRead(name: string): never {
  throw new UsageError(`a step of this graph must be fed ${name} rows`);
}

function requireFits({ B, T, S }: Dims, { tokens, positions }: StepValues): void {
  if (tokens.length !== B * T || positions.length !== B) {
    throw new UsageError(
      `a step of ${B} × ${T} tokens must have as many, and ${B} positions, ` +
        `not ${tokens.length} and ${positions.length}`,
    );
  }
  const wrong = positions.find((start) => start < 0 || start + T > S);
  if (wrong === undefined) return;
  throw new CapacityError(`context must hold positions ${wrong} to ${wrong + T - 1}, but has ${S}`);
}

/** Dispatch by op; the table's type has already paired each op with its rule. */
function evaluate(node: Node, inputs: readonly Value[], step: Step): Value {
  return (RULES[node.op] as Evaluate<Op>)(node as never, inputs, step);
}

/** Nodes made of weights alone, each with a key that is equal for equal constants of any graph. */
function constantKeys(nodes: readonly Node[]): Map<Node, string> {
  const keys = new Map<Node, string>();
  for (const node of nodes) {
    const ofConstants = node.inputs.length > 0 && node.inputs.every((input) => keys.has(input));
    if (node.op !== 'weight' && !ofConstants) continue;
    const inputs = node.inputs.map((input) => keys.get(input)).join();
    const attributes = attributesToString<Op>(node.op, node.attrs);
    keys.set(node, `${node.op}(${inputs})${attributes}${typeToString(node.type)}`);
  }
  return keys;
}

function release(node: Node, uses: Map<Node, number>, values: Map<Node, Value>): void {
  const left = uses.get(node)! - 1;
  uses.set(node, left);
  if (left === 0) values.delete(node);
}
