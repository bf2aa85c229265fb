/**
 * The states of the interpreter, in slots: one sequence has one. They grow as steps ask for more. States of
 * rows keep all of them; those that steps replace hold what came of all tokens so far.
 */
import { topologicalOrder, type Graph, type NodeOf } from './graph.ts';
import { requireContinues } from './recurrence.ts';
import {
  countElements,
  isReplaced,
  resolveShape,
  sameShape,
  type Dims,
  type TensorType,
} from './types.ts';
import { allocateValue, copyElements, viewSlots, type Value } from './value.ts';

/** The states that steps replace, of one slot. */
export interface InterpreterSnapshot {
  readonly tokens: number;
  readonly sizeBytes: number;
  readonly states: ReadonlyMap<string, Value>;
}

/** The rows of some tokens, of one slot. */
export interface InterpreterRows {
  readonly from: number;
  readonly to: number;
  readonly sizeBytes: number;
  readonly states: ReadonlyMap<string, Value>;
}

/** How many tokens share a row, of each state that steps append to, by name. */
export function tokensPerRow(graph: Graph): ReadonlyMap<string, number> {
  const appends = topologicalOrder(graph).filter((node) => node.op === 'append');
  return new Map(
    appends.map(({ attrs, inputs: [state] }) => [
      (state as NodeOf<'state'>).attrs.name,
      attrs.tokensPerRow ?? 1,
    ]),
  );
}

/** The rows that tokens `from` to `to` have a part in: the first, and how many. */
export function rowsOfTokens(perRow: number, from: number, to: number): [number, number] {
  const first = Math.floor(from / perRow);
  return [first, Math.ceil(to / perRow) - first];
}

/** Whether a graph has a state that steps replace. */
export function hasReplacedStates(graph: Graph): boolean {
  return topologicalOrder(graph).some(({ op, type }) => op === 'state' && isReplaced(type));
}

export class SlotStates {
  readonly #states = new Map<string, Value>();
  /** Names of the states that steps replace. */
  readonly #replaced = new Set<string>();
  /** Of the others, how many tokens share a row. */
  readonly #perRow = new Map<string, number>();
  /** Tokens that each slot has seen. */
  readonly #lengths: number[] = [];

  /** Takes note of the states of a graph that is to be run. */
  know(graph: Graph): void {
    for (const [name, tokens] of tokensPerRow(graph)) this.#perRow.set(name, tokens);
  }

  /** Throws UsageError where a sequence can neither start nor go on at its position. */
  requireContinues(positions: Int32Array, firstSlot: number): void {
    requireContinues(positions, this.#lengths.slice(firstSlot));
  }

  /** After a step of T tokens. */
  advance(positions: Int32Array, T: number, firstSlot: number): void {
    for (const [b, start] of positions.entries()) this.#lengths[firstSlot + b] = start + T;
  }

  /** The state of the sequences of a step, with room for its context; changes are kept. */
  at(name: string, type: TensorType, dims: Dims, firstSlot: number): Value {
    const [slots, ...extents] = resolveShape(type.shape, { ...dims, B: firstSlot + dims.B });
    const known = this.#states.get(name);
    const shape = [slots!, ...extents].map((extent, i) => Math.max(extent, known?.shape[i] ?? 0));
    if (isReplaced(type)) this.#replaced.add(name);
    const state =
      known !== undefined && sameShape(shape, known.shape)
        ? known
        : this.#grow(name, type, shape, known);
    return viewSlots(state, firstSlot, dims.B);
  }

  reset(): void {
    this.#states.clear();
    this.#lengths.length = 0;
  }

  snapshot(slot: number): InterpreterSnapshot {
    const held = [...this.#states].filter(
      ([name, { shape }]) => this.#replaced.has(name) && slot < shape[0]!,
    );
    const states = new Map(held.map(([name, state]) => [name, copyOf(viewSlots(state, slot, 1))]));
    return { tokens: this.#lengths[slot] ?? 0, sizeBytes: bytesOf(states), states };
  }

  restore(slot: number, { tokens, states }: InterpreterSnapshot): void {
    for (const [name, own] of states) {
      const size = countElements(own.shape);
      copyElements(own, 0, this.#roomFor(name, slot, own), slot * size, size);
    }
    this.#lengths[slot] = tokens;
  }

  saveRows(slot: number, from: number, to: number): InterpreterRows {
    const states = new Map<string, Value>();
    for (const [name, perRow] of this.#perRow) {
      const state = this.#states.get(name);
      if (state === undefined) continue;
      const [first, count] = rowsOfTokens(perRow, from, to);
      const [capacity, ...extents] = state.shape.slice(1) as [number, ...number[]];
      const size = countElements(extents);
      const rows = allocateValue(state.dtype, [1, count, ...extents]);
      copyElements(state, (slot * capacity + first) * size, rows, 0, count * size);
      states.set(name, rows);
    }
    return { from, to, sizeBytes: bytesOf(states), states };
  }

  loadRows(slot: number, { from, to, states }: InterpreterRows): void {
    for (const [name, rows] of states) {
      const [first, count] = rowsOfTokens(this.#perRow.get(name)!, from, to);
      const [, , ...extents] = rows.shape;
      const state = this.#roomFor(name, slot, rows, first + count);
      const size = countElements(extents);
      const at = (slot * state.shape[1]! + first) * size;
      copyElements(rows, 0, state, at, count * size);
    }
  }

  /** The state, with room for a slot, and for so many rows of it. */
  #roomFor(name: string, slot: number, { dtype, shape }: Value, rows = 0): Value {
    const known = this.#states.get(name);
    const needed = [slot + 1, Math.max(rows, known?.shape[1] ?? shape[1] ?? 0), ...shape.slice(2)];
    const room = needed.map((extent, i) => Math.max(extent, known?.shape[i] ?? 0));
    if (known !== undefined && sameShape(room, known.shape)) return known;
    return this.#grow(name, { dtype, shape: room }, room, known);
  }

  #grow(name: string, { dtype }: TensorType, shape: number[], known: Value | undefined): Value {
    const state = allocateValue(dtype, shape);
    if (known !== undefined) copySlots(known, state);
    this.#states.set(name, state);
    return state;
  }
}

function copyOf(state: Value): Value {
  const copy = allocateValue(state.dtype, state.shape);
  copySlots(state, copy);
  return copy;
}

/** Copies a state into a buffer with room for more slots, or more rows of each. */
function copySlots(state: Value, larger: Value): void {
  const [size, room] = [state, larger].map(({ shape }) => countElements(shape.slice(1)));
  for (let slot = 0; slot < state.shape[0]!; slot++)
    copyElements(state, slot * size!, larger, slot * room!, size!);
}

/** What values take, with four bytes an element. */
function bytesOf(states: ReadonlyMap<string, Value>): number {
  return [...states.values()].reduce((sum, { shape }) => sum + 4 * countElements(shape), 0);
}
