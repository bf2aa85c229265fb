/** Chips small enough that random operands meet often, and that their RTL builds and runs quickly. */
import nano from '../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { parseChip, type Chip } from '../../src/chip/index.ts';

function tiny(name: string, changes: object, matrix: object = {}): Chip {
  const sizes = {
    scratchpad: { sizeBytes: 16_384, banks: 8 },
    accumulator: { sizeBytes: 4096, banks: 2 },
    control: { sizeBytes: 1024 },
  };
  return parseChip(
    { ...nano, name, ...sizes, matrix: { ...nano.matrix, ...matrix }, ...changes },
    name,
  );
}

/** int8 activations with 4-bit weights; a slow, narrow memory. */
export const TINY_INT8 = tiny('tiny-int8', {
  memory: { ...nano.memory, latencyCycles: 9 },
});

/** E4M3 in both, other depths of the pipelines, more contexts, a wider memory. */
export const TINY_FP8 = tiny(
  'tiny-fp8',
  {
    vector: { lanes: 32, operationCycles: 3 },
    memory: { ...nano.memory, bytesPerCycle: 16, latencyCycles: 30 },
  },
  { activationFormat: 'mxfp8', weightFormat: 'mxfp8', accumulateCycles: 7, pipelineCycles: 19 },
);

/** Whether what takes too long for each run is wanted: `CELADON_NIGHTLY=1`. */
export function nightly(): boolean {
  return process.env['CELADON_NIGHTLY'] === '1';
}

/** As many of something as a group of tests asks for. */
export function countOf(inCi: number, inTheNight: number): number {
  return nightly() ? inTheNight : inCi;
}
