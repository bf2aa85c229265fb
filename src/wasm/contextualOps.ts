/** Typing rules of the instructions whose effect on the stack depends on where they stand. */
import type { Immediates } from './immediates.ts';
import type { ContextualOp, ImmediateOf } from './opcodes.table.ts';
import { labelTypes, type Fail, type Frame, type OperandStack } from './operandStack.ts';
import type { Local, ValueType } from './types.ts';

/** What a rule may look at: the function being built. */
export interface Site {
  readonly stack: OperandStack;
  /** Results of the function. */
  readonly results: readonly ValueType[];
  readonly fail: Fail;
  /** The local of this function a handle or name stands for; fails if there is none. */
  findLocal(local: Local | string): Local;
  /** Check that a branch target is open here. */
  findFrame(label: Frame): Frame;
}

type Rule<O extends ContextualOp> = (site: Site, ...immediates: Immediates[ImmediateOf<O>]) => void;

function openBlock(kind: 'block' | 'loop' | 'if', { stack }: Site, result?: ValueType): void {
  if (kind === 'if') stack.pop('i32');
  stack.open(kind, result ? [result] : []);
}

function typeElse({ stack, fail }: Site): void {
  if (stack.frame.kind !== 'if') fail('an open if', stack.frame.kind);
  stack.open('else', stack.close().results);
}

function typeEnd({ stack, fail }: Site): void {
  if (stack.depth === 1) fail('an open block', 'function');
  const { kind, results } = stack.close();
  if (kind === 'if' && results.length > 0) fail(`an else that leaves ${results.join(' ')}`, 'none');
  stack.push(...results);
}

function typeSelect({ stack, fail }: Site): void {
  stack.pop('i32');
  const second = stack.popAny();
  const first = stack.popAny();
  const agree = first === second || first === 'unknown' || second === 'unknown';
  if (!agree) fail('two operands of one type', `${first} ${second}`);
  stack.push(first === 'unknown' ? second : first);
}

/** One rule for each contextual instruction: pops, pushes, and opens or closes frames. */
export const CONTEXTUAL_RULES: { readonly [O in ContextualOp]: Rule<O> } = {
  unreachable: ({ stack }) => stack.markUnreachable(),
  block: (site, result) => openBlock('block', site, result),
  loop: (site, result) => openBlock('loop', site, result),
  if: (site, result) => openBlock('if', site, result),
  else: typeElse,
  end: typeEnd,
  br: (site, label) => {
    site.stack.pop(...labelTypes(site.findFrame(label)));
    site.stack.markUnreachable();
  },
  br_if: (site, label) => {
    const types = labelTypes(site.findFrame(label));
    site.stack.pop(...types, 'i32');
    site.stack.push(...types);
  },
  br_table: (site, labels, otherwise) => {
    const typesOf = (label: Frame): string =>
      labelTypes(site.findFrame(label)).join(' ') || 'nothing';
    const other = labels.find((label) => typesOf(label) !== typesOf(otherwise));
    if (other) site.fail(`labels of ${typesOf(otherwise)}`, `of ${typesOf(other)}`);
    site.stack.pop(...labelTypes(otherwise), 'i32');
    site.stack.markUnreachable();
  },
  return: ({ stack, results }) => {
    stack.pop(...results);
    stack.markUnreachable();
  },
  call: ({ stack }, { type }) => {
    stack.pop(...type.params);
    stack.push(...type.results);
  },
  drop: ({ stack }) => void stack.popAny(),
  select: typeSelect,
  'local.get': (site, local) => site.stack.push(site.findLocal(local).type),
  'local.set': (site, local) => site.stack.pop(site.findLocal(local).type),
  'local.tee': (site, local) => {
    const { type } = site.findLocal(local);
    site.stack.pop(type);
    site.stack.push(type);
  },
};
