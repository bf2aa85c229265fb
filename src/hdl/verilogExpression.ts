/**
 * The text of expressions in SystemVerilog.
 *
 * NOTE: the width of a SystemVerilog expression depends on what is around it. So each operation has a
 * declared wire of its own and operators never nest; only literals, part-selects and `$signed` stand
 * inside one, and the operands of a product are cast to its width. Then text and `Bits` cannot differ.
 */
import type { Operator } from './operators.ts';
import type { Module, Operation, Signal } from './signal.ts';

type Expression = (operands: readonly string[], width: number, low: number) => string;

const binary =
  (sign: string): Expression =>
  ([a, b]) =>
    `${a} ${sign} ${b}`;

const EXPRESSIONS: Readonly<Record<Operator, Expression>> = {
  not: ([a]) => `~${a}`,
  and: binary('&'),
  or: binary('|'),
  xor: binary('^'),
  add: binary('+'),
  sub: binary('-'),
  mulU: ([a, b], width) => `${width}'(${a}) * ${width}'(${b})`,
  mulS: ([a, b], width) => `${width}'($signed(${a})) * ${width}'($signed(${b}))`,
  eq: binary('=='),
  ltU: binary('<'),
  ltS: ([a, b]) => `$signed(${a}) < $signed(${b})`,
  shl: binary('<<'),
  shr: binary('>>'),
  sra: ([a, n]) => `$signed(${a}) >>> ${n}`,
  reduceAnd: ([a]) => `&${a}`,
  reduceOr: ([a]) => `|${a}`,
  reduceXor: ([a]) => `^${a}`,
  concat: (parts) => `{${runs(parts).join(', ')}}`,
  slice: ([a], width, low) => `${a}[${width === 1 ? low : `${low + width - 1}:${low}`}]`,
  mux: ([condition, whenFalse, whenTrue]) => `${condition} ? ${whenTrue} : ${whenFalse}`,
};

/** A multiplexer of more than a condition, which needs a case statement. */
export function needsCase({ operator, operands }: Operation): boolean {
  return operator === 'mux' && (operands.length > 3 || operands[0].width > 1);
}

/** The text of a module's operations. */
export function expressionOf(module: Module, { width }: Signal, operation: Operation): string {
  const operands = operation.operands.map((operand) => reference(module, operand));
  return EXPRESSIONS[operation.operator](operands, width, operation.low);
}

/** How an expression names a signal: its name, a literal, or a part of what has a name. */
export function reference(module: Module, signal: Signal): string {
  const name = module.names.get(signal);
  if (name !== undefined) return name;
  const { source, width } = signal;
  if (source.kind === 'constant') return literal(width, source.value);
  if (source.kind === 'operation') return expressionOf(module, signal, source);
  throw new Error(`a signal of kind ${source.kind} has a name`);
}

export function literal(width: number, value: bigint): string {
  return width === 1 ? `1'b${value}` : `${width}'h${value.toString(16)}`;
}

/** `[7:0] ` in front of a name, or nothing for one bit. */
export function range(width: number): string {
  return width === 1 ? '' : `[${width - 1}:0] `;
}

/** Equal neighbours of a concatenation as `{8{sign}}`. */
function runs(parts: readonly string[]): string[] {
  const ends = parts.flatMap((part, i) => (part === parts[i + 1] ? [] : [i]));
  return ends.map((end, i) => {
    const times = end - (ends[i - 1] ?? -1);
    return times === 1 ? parts[end] : `{${times}{${parts[end]}}}`;
  });
}
