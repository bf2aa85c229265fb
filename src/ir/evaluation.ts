/** What the interpreter gives the rule of an op, and the shape of the table of rules. */
import type { NodeOf } from './graph.ts';
import type { Numerics } from './numerics.ts';
import type { Op } from './ops.table.ts';
import type { TensorType } from './types.ts';
import type { Value } from './value.ts';

/** One step: what is fed, what is kept, and the arithmetic. */
export interface Step {
  readonly numerics: Numerics;
  readonly tokens: Value;
  readonly position: Value;
  /** Rows (B,T,…) that another graph gave, where this one reads such. */
  readonly hidden: Value | undefined;
  weight(name: string): Value;
  /** The buffer of a state, with room for at least the sequences and the context of the step. */
  state(name: string, type: TensorType): Value;
}

/** Computes a node from the values of its inputs; it may change the one that is its state. */
export type Evaluate<O extends Op> = (
  node: NodeOf<O>,
  inputs: readonly Value[],
  step: Step,
) => Value;

/** A table with the rule of each op: forgetting one is a compile error. */
export type EvaluationRules = { readonly [O in Op]: Evaluate<O> };

/** The rules of some of the ops. */
export type SomeRules<O extends Op> = { readonly [P in O]: Evaluate<P> };
