/** The text form of a program: one instruction a line, read back by `assemble`. */
import { ISA, NONE, QUEUES, type Field, type FieldKind, type Instruction } from './isa.table.ts';

/** The text of a program; `assemble` gives the same program back. */
export function disassemble(program: readonly Instruction[]): string {
  return program.map((instruction) => `${formatInstruction(instruction)}\n`).join('');
}

/**
 * `matmul a=0x100 rows=4 … ; wait load,vector ; signal store`: fields that are zero are left
 * out, addresses are hexadecimal, "no operand" is `none`.
 */
export function formatInstruction({ op, fields, wait, signal }: Instruction): string {
  const words = (ISA[op].fields as readonly Field[])
    .filter(({ name }) => !Object.is(fields[name], 0))
    .map(({ name, kind }) => `${name}=${formatValue(kind, fields[name]!)}`);
  return [op, ...words].join(' ') + formatMask('wait', wait) + formatMask('signal', signal);
}

function formatValue(kind: FieldKind, value: number): string {
  if (kind === 'local' && value === NONE) return 'none';
  if (kind === 'local' || kind === 'memory') return `0x${value.toString(16)}`;
  return Object.is(value, -0) ? '-0' : String(value);
}

function formatMask(name: string, mask: number): string {
  const queues = QUEUES.filter((_, bit) => mask & (1 << bit));
  return queues.length > 0 ? ` ; ${name} ${queues.join(',')}` : '';
}
