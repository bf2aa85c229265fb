/** How units along an axis become pieces of work. */

/** A first unit, and how many. */
export type Piece = readonly [start: number, count: number];

export interface Grains {
  /** Pieces are multiples of this many units, but the last. */
  readonly grain: number;
  /** What no piece is smaller than but the last of a run, a multiple of the grain. */
  readonly least: number;
}

/** Pieces of `least` units, but the last. */
export function alike(units: number, { least }: Pick<Grains, 'least'>): readonly Piece[] {
  return Array.from({ length: Math.ceil(units / least) }, (_, i) => [
    i * least,
    Math.min(least, units - i * least),
  ]);
}

/**
 * A run of units for each of `threads` threads, which walks it from start to end: half of it first, then half of what is
 * left, so that pieces are few and all threads end together nevertheless. In the order in which threads that are equally
 * fast take them.
 */
export function streams(units: number, threads: number, grains: Grains): readonly Piece[] {
  const share = Math.max(grains.least, wholeGrains(units / threads, grains));
  const runs = alike(units, { least: share }).map((run) => halves(run, grains));
  const turns = Math.max(...runs.map(({ length }) => length));
  return Array.from({ length: turns }, (_, turn) =>
    runs.flatMap((run) => run.slice(turn, turn + 1)),
  ).flat();
}

function halves([start, count]: Piece, grains: Grains): Piece[] {
  const pieces: Piece[] = [];
  for (let done = 0; done < count;) {
    const left = count - done;
    const size = Math.min(left, Math.max(grains.least, wholeGrains(left / 2, grains)));
    pieces.push([start + done, size]);
    done += size;
  }
  return pieces;
}

function wholeGrains(units: number, { grain }: Grains): number {
  return Math.ceil(units / grain) * grain;
}
