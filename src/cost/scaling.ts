/**
 * Figures between two process nodes: a power of the nominal length through both.
 *
 * Areas of cells and memories shrink more slowly than the square of the length that names a node, and
 * the table shows by how much between its own nodes; so a node between two of them needs no rule from
 * outside. It is an interpolation of predictive libraries, not a fact about a foundry.
 */

/** A figure on a node of some nanometres. */
export interface NodeFigure {
  readonly nanometres: number;
  readonly value: number;
}

/** The figure at `nanometres`, which should lie between the two. */
export function interpolateNodes(a: NodeFigure, b: NodeFigure, nanometres: number): number {
  const exponent = Math.log(a.value / b.value) / Math.log(a.nanometres / b.nanometres);
  return a.value * (nanometres / a.nanometres) ** exponent;
}
