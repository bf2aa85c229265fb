/** What a kernel asks of channel, array and vector unit, as numbers that are put together (closedForm.ts). */

/** What need not be waited for. */
export const NEVER = Number.NEGATIVE_INFINITY;

export class UnitCycles {
  /** Cycles each unit works. */
  memory = 0;
  matrix = 0;
  vector = 0;
  /** Until the array is free: from the start, from when the vector unit is free, and from the start of loads that wait. */
  array = 0;
  arrayAfterVector = NEVER;
  afterLoads = NEVER;
  /** Of one that is joined with its query: from the last products of that. */
  afterQuery = NEVER;
  /** From the start to the first vector work. */
  toVector = 0;
  /** From the last byte on the chip to the last product, and from there to the last finished row. */
  lastMatrix = 0;
  lastVector = 0;
  /** To the last byte, where the ring is what loads wait for: from the last product before, and from the first. */
  behindLast = 0;
  behindFirst = 0;
  /** Whether its loads wait for results of this step: chosen experts, appended state. */
  waits = false;
  /** Whether the ring has no room for all that waits, so that loads of later kernels come between. */
  waitsForRoom = false;
  /** Of memory, what must be there before any product, and what the ring of context takes. */
  firstLoad = 0;
  early = 0;
  /** Whether its vector work runs beside the products of the kernel before. */
  joined = false;

  /** Nothing of what only some kernels have. */
  protected clear(): void {
    this.memory = 0;
    this.matrix = 0;
    this.array = 0;
    this.arrayAfterVector = NEVER;
    this.afterLoads = NEVER;
    this.afterQuery = NEVER;
    this.toVector = 0;
    this.lastMatrix = 0;
    this.firstLoad = 0;
    this.waits = false;
    this.waitsForRoom = false;
    this.joined = false;
  }
}
