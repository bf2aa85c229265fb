/** Cosines and sines by position, kept: every sequence comes to the same positions. */
import { rotaryTable, type RotaryTable } from '../../ir/index.ts';
import type { RotaryFeed } from './steps.ts';

type Angles = Pick<RotaryFeed<unknown>, 'frequencies' | 'magnitude' | 'offset'>;

/** Positions from this on are computed each time: a table of all would be large. */
const MOST_POSITIONS = 4096;
const LEAST_POSITIONS = 64;

export class RotaryRows {
  /** Rows of the positions from 0 on, by frequencies, which programs of a model share, and magnitude. */
  readonly #tables = new WeakMap<readonly number[], Map<number, RotaryTable>>();

  /** Writes the rows of the tokens of sequences, `count` each from its start on, one behind the other. */
  write(angles: Angles, starts: Int32Array, count: number, { cos, sin }: RotaryTable): void {
    const { frequencies, magnitude, offset } = angles;
    const width = count * frequencies.length;
    for (const [b, start] of starts.entries()) {
      const first = start + offset;
      const table = first < 0 ? undefined : this.#table(angles, first + count);
      if (table !== undefined) {
        const from = first * frequencies.length;
        cos.set(table.cos.subarray(from, from + width), b * width);
        sin.set(table.sin.subarray(from, from + width), b * width);
        continue;
      }
      const own = rotaryTable(frequencies, magnitude, range(first, count));
      cos.set(own.cos, b * width);
      sin.set(own.sin, b * width);
    }
  }

  /** The rows of at least `count` positions; undefined if these are too many. */
  #table({ frequencies, magnitude }: Angles, count: number): RotaryTable | undefined {
    if (count > MOST_POSITIONS) return undefined;
    const ofFrequencies = this.#tables.get(frequencies) ?? new Map<number, RotaryTable>();
    const known = ofFrequencies.get(magnitude);
    if (known !== undefined && known.cos.length >= count * frequencies.length) return known;
    const positions = Math.max(LEAST_POSITIONS, 2 ** Math.ceil(Math.log2(count)));
    const table = rotaryTable(frequencies, magnitude, range(0, positions));
    this.#tables.set(frequencies, ofFrequencies.set(magnitude, table));
    return table;
  }
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
