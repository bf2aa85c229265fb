/** Rooflines of the chips of a front. */
import type { Chip } from '../../chip/index.ts';
import type { Design } from '../space/design.ts';
import type { Roof } from '../study/studyPage.ts';

/** Lines of a figure that can be told apart. */
const MOST = 6;

/** What memory and multipliers of each chip allow, each pair of numbers once; the first of the front first. */
export function roofsOf(designs: readonly Design[]): Roof[] {
  const chips = designs.flatMap(({ decode, prefill }) => [
    decode.chip,
    ...(prefill === undefined ? [] : [prefill.chip]),
  ]);
  const alike = Map.groupBy(chips.map(roofOf), keyOf);
  return [...alike.values()].map(([first]) => first!).slice(0, MOST);
}

/** A multiply-accumulate is two operations. */
function roofOf({ name, cores, clockHz, matrix, memory }: Chip): Roof {
  return {
    name,
    operationsPerSecond: 2 * cores * matrix.lanes * matrix.columns * clockHz,
    bytesPerSecond: cores * memory.bytesPerCycle * clockHz,
  };
}

function keyOf({ operationsPerSecond, bytesPerSecond }: Roof): string {
  return `${operationsPerSecond} ${bytesPerSecond}`;
}
