/** Where the position of a sequence leads: which rows of a table, and which columns tokens see. */

/** The position registers. */
interface Positions {
  readonly positions: ArrayLike<number>;
}

interface Shifted {
  readonly positionShift: number;
  readonly positionOffset: number;
}

/** The row of a table of rows of 2^positionShift positions, by which a transfer is moved on. */
export function shiftedPosition(f: Shifted, position: number): number {
  return Math.floor((position + f.positionOffset) / 2 ** f.positionShift);
}

interface Visible {
  readonly sequence: number;
  readonly first: number;
  readonly always: number;
  readonly shift: number;
}

/** Columns that token `t` of an instruction sees, were there no end of the row. */
export function visibleColumns(f: Visible, { positions }: Positions, t: number): number {
  return f.always + Math.floor((positions[f.sequence]! + f.first + t + 1) / 2 ** f.shift);
}
