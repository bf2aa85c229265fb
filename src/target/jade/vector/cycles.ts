/**
 * Time of the vector unit: closed forms of the fields, the chip and the real number of rows, counted on
 * the microcode (microcode.table.ts).
 *
 * The unit has P contexts; a slot of the microcode takes P cycles, one a context. P items of work (rows,
 * or windows of rows) run through a program together; what is left of the last P still takes its slots.
 */
import { NONE, type Fields, type Opcode } from '../isa.table.ts';
import {
  holds,
  itemsPerRow,
  program,
  programOf,
  slotsOf,
  type MicrocodedOpcode,
} from './program.ts';
import type { Program } from './microOps.ts';

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

/** Cycles from the start of `op` with `rows` rows to its end. */
export function vectorCycles(op: Opcode, fields: Fields, chip: VectorShape, rows: number): number {
  if (op === 'dispatch') return LEAD + fields['columns']! * (rows + 1) + DISPATCH - 1;
  const { lanes, operationCycles } = chip.vector;
  const code = op as MicrocodedOpcode;
  const running = program(programOf(code, fields, lanes));
  const work = preparation(code, fields) + workCycles(running, fields, chip, rows);
  return LEAD + work + FETCH + operationCycles + QUANTIZE - 1;
}

function workCycles(
  running: Program,
  fields: Fields,
  { vector }: VectorShape,
  rows: number,
): number {
  const { lanes, operationCycles } = vector;
  const items = itemsPerRow(running, fields, lanes);
  const slots = slotsOf(running, fields, lanes);
  const batches = (count: number): number => Math.ceil(count / operationCycles) * operationCycles;
  return running.item === 'token'
    ? rows * (TOKEN + batches(items) * slots)
    : batches(rows * items) * slots;
}

/** Reading what is not in the instruction; for groups of experts, dividing their number. */
function preparation(op: MicrocodedOpcode, fields: Fields): number {
  const reads = op === 'softmax' || (fields['rowCount'] ?? NONE) !== NONE;
  const divides = op === 'route' && holds('grouped', fields);
  return (reads ? READ : 0) + (divides ? fields['columns']! / fields['groups']! : 0);
}
