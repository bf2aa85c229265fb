/**
 * A simulation as text, for tests that expect a waveform and for reviews that read one.
 *
 * ```
 * cycle   0  1  2  3  4
 * enable  ▁▁▁▔▔▔▔▔▔▁▁▁▁▁▁
 * count   00────01─02────
 * ```
 *
 * A column is a cycle, before its edge. Values are hexadecimal and written where they change.
 */
import type { CycleSimulator, Probe } from './simulator.ts';
import type { Ports } from './signal.ts';

/** Records signals of a simulator from here on. */
export class Waveform {
  readonly #rows: readonly { readonly probe: Probe; readonly values: bigint[] }[];
  readonly #cycles: number[] = [];

  /** Signals by their paths. Throws if there is no such signal. */
  constructor(simulator: CycleSimulator<Ports, Ports>, paths: readonly string[]) {
    this.#rows = paths.map((path) => ({ probe: simulator.probe(path), values: [] }));
    simulator.observe((cycle) => {
      this.#cycles.push(cycle);
      for (const { probe, values } of this.#rows) values.push(probe.read());
    });
  }

  toString(): string {
    const cycles = this.#cycles.map(String);
    const texts = this.#rows.map(({ probe: { width }, values }) => {
      return width === 1 ? [] : values.map((value) => hexadecimal(value, width));
    });
    const column = Math.max(3, ...[cycles, ...texts].flat().map((text) => text.length + 1));
    const margin = Math.max(
      ...['cycle', ...this.#rows.map(({ probe }) => probe.path)].map(lengthOf),
    );
    const line = (name: string, cells: readonly string[]): string =>
      `${name.padEnd(margin)}  ${cells.join('')}`.trimEnd();
    return [
      line(
        'cycle',
        cycles.map((cycle) => cycle.padEnd(column)),
      ),
      ...this.#rows.map(({ probe, values }, i) => {
        const cells = probe.width === 1 ? levels(values, column) : changes(texts[i], column);
        return line(probe.path, cells);
      }),
    ].join('\n');
  }
}

function levels(values: readonly bigint[], column: number): string[] {
  return values.map((value) => (value ? '▔' : '▁').repeat(column));
}

function changes(texts: readonly string[], column: number): string[] {
  return texts.map((text, i) => (text === texts[i - 1] ? '' : text).padEnd(column, '─'));
}

function hexadecimal(value: bigint, width: number): string {
  return value.toString(16).padStart(Math.ceil(width / 4), '0');
}

const lengthOf = (text: string): number => text.length;
