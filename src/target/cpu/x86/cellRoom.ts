/** Cells of eight bytes that machine code reads, as their lower and upper halves. */
export const CELL_BYTES = 8;

/** So many are kept together. */
const SLAB_CELLS = 8192;

/** Gives out cells, which stay where they are while any that were given with them are known. */
export class CellRoom {
  #slab = new Uint32Array();
  #used = 0;

  /** Cells that hold 0. */
  take(count: number): Uint32Array<ArrayBuffer> {
    const end = this.#used + 2 * count;
    if (end > this.#slab.length) {
      this.#slab = new Uint32Array(2 * Math.max(SLAB_CELLS, count));
      this.#used = 0;
    }
    this.#used += 2 * count;
    return this.#slab.subarray(this.#used - 2 * count, this.#used);
  }
}

/** Cell `i` becomes a whole number from 0. */
export function setCell(cells: Uint32Array, i: number, value: number): void {
  cells[2 * i] = value;
  cells[2 * i + 1] = Math.floor(value / 2 ** 32);
}
