/**
 * What the default tests leave to the group `thorough`. A file that imports this runs in both: here with a
 * portion of its cases that meets every kind of them, there with all.
 */

/** Whether all cases run; scripts/test.ts says so for the group. */
export function thorough(): boolean {
  return process.env['CELADON_TESTS'] === 'thorough';
}

/** Every `step`-th of `all`, from `first` on; all of them in the group `thorough`. */
export function portion<T>(all: readonly T[], step: number, first = 0): readonly T[] {
  return thorough() ? all : all.filter((_, i) => i % step === first % step);
}
