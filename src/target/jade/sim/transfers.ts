/** Values of LOAD and STORE instructions. */
import { CapacityError } from '../../../base/index.ts';
import type { FieldsOf } from '../isa.table.ts';
import { shiftedPosition } from './positions.ts';
import { indexAt, type ChipState } from './state.ts';

type Transfer = FieldsOf<'store'>;

/** Calls `move(memory address, local address, bytes)` for each row of each plane. */
function eachRow(
  f: Transfer,
  state: ChipState,
  move: (memory: number, local: number) => void,
): void {
  const start = f.memory + f.positionStride * shiftedPosition(f, state.positions[f.sequence]!);
  checkEnd(f, start, state);
  for (let plane = 0; plane < f.planes; plane++) {
    const memory = start + plane * f.memoryPlaneStride;
    const local = f.local + plane * f.localPlaneStride;
    for (let row = 0; row < f.rows; row++)
      move(memory + row * f.memoryStride, local + row * f.localStride);
  }
}

/** The one bound that depends on the run: where a position register leads. */
function checkEnd(f: Transfer, start: number, { memory, positions }: ChipState): void {
  const rows = (f.planes - 1) * f.memoryPlaneStride + (f.rows - 1) * f.memoryStride;
  if (f.planes * f.rows === 0 || start + rows + f.rowBytes <= memory.length) return;
  throw new CapacityError(
    `a transfer must end within the memory of ${memory.length} bytes, not at ${start + rows + f.rowBytes}`,
    { where: `position ${positions[f.sequence]} of sequence ${f.sequence}` },
  );
}

export function load(f: FieldsOf<'load'>, state: ChipState): void {
  const { local: chip, memory: ram } = state;
  eachRow(f, state, (memory, local) => chip.set(ram.subarray(memory, memory + f.rowBytes), local));
}

export function store(f: Transfer, state: ChipState): void {
  const { local: chip, memory: ram } = state;
  eachRow(f, state, (memory, local) => ram.set(chip.subarray(local, local + f.rowBytes), memory));
}

/** Rows by index; an index outside of the table reads row 0 and sets the fault flag. */
export function gather(f: FieldsOf<'gather'>, state: ChipState): void {
  for (let row = 0; row < f.rows; row++) {
    const from = f.memory + indexAt(state, f.list + row * 4, f.limit) * f.memoryStride;
    state.local.set(state.memory.subarray(from, from + f.rowBytes), f.local + row * f.localStride);
  }
}
