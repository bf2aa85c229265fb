/**
 * A design space as a file: the values of each axis. A point of it is an index on each axis.
 *
 * What is on no axis follows from them by the rules of `chipRules.ts`.
 */
import { z } from 'zod';
import { ChipError, listProblems } from '../../base/index.ts';
import { schemaProblems } from '../../schema/index.ts';
import { FORMATS } from './chipRules.ts';

/** What to do about a file that is wrong. */
export const COMPARE_SPACE = 'compare with catalogue/spaces/datacentre.json';

function listOf<T extends string | number>(value: z.ZodType<T>) {
  const requirement = 'a list of one or more values, each once';
  return z
    .array(value, requirement)
    .min(1, requirement)
    .refine((values) => new Set(values).size === values.length, requirement);
}

function wholeFrom(least: number, most: number) {
  const requirement = `a whole number from ${least} to ${most}`;
  return z.int(requirement).min(least, requirement).max(most, requirement);
}

function powerFrom(least: number, most: number) {
  const requirement = `a power of two from ${least} to ${most}`;
  const number = z.int(requirement).min(least, requirement).max(most, requirement);
  return number.refine((n) => Number.isInteger(Math.log2(n)), requirement);
}

const name = z.string('a text').min(1, 'a text of at least one character');
const share = z.number('a number above 0, at most 1').gt(0).max(1);
const rate = z.number('a number above 0').positive('a number above 0').max(1e6, 'at most 1e6');

/** In the order of the indices of a point. */
const axes = {
  /** Cores of a chip; each is a rank with a share of the chip's memory of its own. */
  cores: listOf(powerFrom(1, 1024)),
  /** Dot-product columns of a core: 32 multipliers each. */
  columns: listOf(powerFrom(16, 256)),
  /** Activations and weights. */
  formats: listOf(z.enum(FORMATS, `one of ${FORMATS.join(', ')}`)),
  /** f32 lanes of the vector unit of a core. */
  lanes: listOf(powerFrom(32, 1024)),
  /** Cycles of an operation of a lane. */
  laneCycles: listOf(wholeFrom(2, 16)),
  scratchpadKiB: listOf(powerFrom(4, 2 ** 20)),
  /** Rows of sums that the accumulators of a core hold: M depth. */
  accumulatorRows: listOf(powerFrom(16, 2 ** 16)),
  /** Loads in flight of a core. */
  loads: listOf(wholeFrom(1, 256)),
  /** Ids of catalogue/memories.json. */
  memory: listOf(name),
  /** Of the memory port of one core; devices are as many as all ports need. */
  bytesPerCycle: listOf(powerFrom(1, 4096)),
  /** Gigabytes a second of a chip to the others, one direction. */
  linkGBs: listOf(rate),
  /** Of the highest clock of the chip's units on its node. */
  clockShare: listOf(share),
  /** Ids of catalogue/silicon. */
  node: listOf(name),
  /** Chips of a replica. Its ranks that are neither stages nor expert groups are tensor parallel. */
  chips: listOf(powerFrom(1, 4096)),
  pipeline: listOf(powerFrom(1, 256)),
  expert: listOf(powerFrom(1, 4096)),
};
const axesSchema = z.strictObject(axes, 'an object');

const spaceSchema = z.strictObject(
  {
    name: z.string('a text').regex(/^[a-z0-9-]{1,40}$/, '1 to 40 of a-z, 0-9 and -'),
    about: name,
    axes: axesSchema,
    /** Of the chips that read prompts, when those are others than the chips that write. */
    prefill: axesSchema.optional(),
  },
  'an object',
);

export type Axes = z.infer<typeof axesSchema>;
export type AxisName = keyof Axes;
export type SpaceFile = z.infer<typeof spaceSchema>;

export const AXIS_NAMES = Object.keys(axes) as readonly AxisName[];

/** One value of each axis. */
export type Choice = { readonly [K in AxisName]: Axes[K][number] };

/** Validates a space; `where` names the file. Throws ChipError listing every problem. */
export function parseSpace(value: unknown, where: string): SpaceFile {
  const parsed = spaceSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new ChipError(listProblems(schemaProblems(parsed.error, value)), {
    where,
    hint: COMPARE_SPACE,
  });
}
