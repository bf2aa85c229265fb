/** Vector instructions as numbers, whatever the chip. */
import type { Node } from '../../../ir/index.ts';
import type { Fields } from '../isa.table.ts';
import { vectorForm, type VectorForm } from '../vector/cycles.ts';
import type { MicrocodedOpcode } from '../vector/program.ts';

/** A vector operation on rows of `width` channels. */
export interface VectorStep {
  readonly width: number;
  /** From so many lanes on, one instruction does it. */
  readonly lanes: number;
  readonly alone: VectorForm;
  /** With fewer lanes: scales for more channels than that need a copy. */
  readonly copied: readonly VectorForm[];
}

/** `group` > 0: the result is quantised, with a scale for so many channels. */
export function vectorStep(
  op: MicrocodedOpcode,
  width: number,
  group: number,
  more: Fields = {},
): VectorStep {
  const fields = { topK: 0, topGroups: 0, ...more, columns: width, group };
  const alone = vectorForm(op, fields);
  if (group === 0) return { width, lanes: 0, alone, copied: [] };
  const copy = vectorForm('copyWide', fields);
  const lanes = Number.isInteger(Math.log2(group)) ? group : Number.POSITIVE_INFINITY;
  return { width, lanes, alone, copied: op === 'copy' ? [copy] : [alone, copy] };
}

/** A limit takes slots of its own in swiglu. */
export function limitOf(node: Node | undefined): Fields {
  const limited = node?.op === 'swiglu' || node?.op === 'experts';
  return limited ? { limit: node.attrs.limit ?? 0 } : {};
}
