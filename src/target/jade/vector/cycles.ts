/**
 * Time of the vector unit: closed forms of the fields, the chip and the real number of rows, counted on
 * the microcode (microcode.table.ts).
 *
 * The unit has P contexts; a slot of the microcode takes P cycles, one a context. P items of work (rows,
 * or windows of rows) run through a program together; what is left of the last P still takes its slots.
 */
import { NONE, type Fields, type Opcode } from '../isa.table.ts';
import { MICROCODE, type ProgramName } from './microcode.table.ts';
import type { Item } from './microOps.ts';
import { holds, programOf, slotCounts, type MicrocodedOpcode, type SlotCounts } from './program.ts';

/** What of the chip the time depends on. */
export interface VectorShape {
  readonly vector: { readonly lanes: number; readonly operationCycles: number };
}

/** From the start to the issue of the first micro-operation. */
const LEAD = 2;
/** To read the row count or a position first. */
const READ = 4;
/** To read the next token of combine and find its rows. */
const TOKEN = 8;
/** From the issue of a micro-operation to its operands: the address, three cycles of memory. */
const FETCH = 4;
/** From a result to its write: the scale of a block, its elements. */
const QUANTIZE = 2;
/** From the request of a gate to the entry of a list. */
const DISPATCH = 4;

/** The time of an instruction as numbers: for all lanes, columns and rows. */
export interface VectorForm extends SlotCounts {
  readonly item: Item;
  /** Columns under one scale. */
  readonly group: number;
  /** Cycles beside the slots and the latency of an operation. */
  readonly around: number;
}

export function vectorForm(name: ProgramName, fields: Fields): VectorForm {
  const program = MICROCODE[name];
  const around = LEAD + preparation(name, fields) + FETCH + QUANTIZE - 1;
  const counts = slotCounts(program, fields);
  return { ...counts, item: program.item, group: fields['group'] ?? 0, around };
}

/** Reading what is not in the instruction; for groups of experts, dividing their number. */
function preparation(name: ProgramName, fields: Fields): number {
  const reads = name === 'softmax' || name === 'topk' || (fields['rowCount'] ?? NONE) !== NONE;
  const divides = name === 'route' && holds('grouped', fields);
  return (reads ? READ : 0) + (divides ? fields['columns']! / fields['groups']! : 0);
}

/** What of the unit the time depends on: folds are turns of a loop over halves of the lanes. */
export interface VectorUnit {
  readonly lanes: number;
  readonly folds: number;
  readonly operationCycles: number;
}

export function vectorUnit({ vector: { lanes, operationCycles } }: VectorShape): VectorUnit {
  return { lanes, folds: Math.log2(lanes), operationCycles };
}

/** Cycles from the start to the end with `rows` rows of `columns` columns. */
export function formCycles(
  form: VectorForm,
  columns: number,
  rows: number,
  { lanes, folds, operationCycles }: VectorUnit,
): number {
  const { item } = form;
  let items = 1;
  let windows = 1;
  if (item === 'row') windows = Math.ceil(columns / lanes);
  else if (item === 'group') {
    items = Math.ceil(columns / form.group);
    windows = Math.ceil(form.group / lanes);
  } else items = Math.ceil((item === 'pairs' ? columns / 2 : columns) / lanes);
  const slots = form.once + form.windows * windows + form.fold * folds + form.columns * columns;
  const together = item === 'token' ? items : rows * items;
  const turns = Math.ceil(together / operationCycles) * operationCycles * slots;
  return form.around + operationCycles + (item === 'token' ? rows * (TOKEN + turns) : turns);
}

/** Cycles from the start of `op` with `rows` rows to its end. */
export function vectorCycles(op: Opcode, fields: Fields, chip: VectorShape, rows: number): number {
  const columns = fields['columns']!;
  if (op === 'dispatch') return LEAD + columns * (rows + 1) + DISPATCH - 1;
  const name = programOf(op as MicrocodedOpcode, fields, chip.vector.lanes);
  const form = vectorForm(name, fields);
  return formCycles(form, columns, rows, vectorUnit(chip));
}
