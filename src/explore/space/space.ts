/** Points of a design space and their designs, both ways. */
import type { Chip } from '../../chip/index.ts';
import { AXIS_NAMES, type Axes, type AxisName, type Choice, type SpaceFile } from './axes.ts';
import type { ChipEstimates } from './chipEstimates.ts';
import { chipOf, isMisfit, type Misfit } from './chipRules.ts';
import type { Design, System } from './design.ts';

/** An index on each axis: those of the chips that write, then those of the chips that read prompts. */
export type Point = readonly number[];

/** Axes that are no part of a chip. */
const SYSTEM_AXES: readonly AxisName[] = ['linkGBs', 'chips', 'pipeline', 'expert'];
const CHIP_AXES = AXIS_NAMES.filter((name) => !SYSTEM_AXES.includes(name));
/** Chips that are kept, a few KiB each. */
const MOST_KEPT = 2 ** 14;

/** One axis of a point. */
export interface SpaceAxis {
  readonly role: 'decode' | 'prefill';
  readonly name: AxisName;
  readonly values: readonly (number | string)[];
}

export class DesignSpace {
  readonly file: SpaceFile;
  readonly axes: readonly SpaceAxis[];
  readonly sizes: readonly number[];
  private readonly estimates: ChipEstimates;
  private readonly clocks = new Map<string, number>();
  private readonly chips = new Map<string, Chip | Misfit>();

  /** Throws UsageError when an axis names a node or memory that the catalogue does not have. */
  constructor(file: SpaceFile, estimates: ChipEstimates) {
    this.file = file;
    this.estimates = estimates;
    this.axes = [...axesOf('decode', file.axes), ...axesOf('prefill', file.prefill)];
    this.sizes = this.axes.map(({ values }) => values.length);
    for (const { node, memory } of [file.axes, file.prefill ?? file.axes]) {
      node.forEach((id) => estimates.node(id));
      memory.forEach((id) => estimates.memory(id));
    }
  }

  /** Points, also those that are no design. */
  get count(): number {
    return this.sizes.reduce((product, size) => product * size, 1);
  }

  /** The design of a point, or why it is none. */
  designAt(point: Point): Design | Misfit {
    const { axes, prefill } = this.file;
    const decode = this.systemOf(choiceAt(axes, point, 0));
    if (isMisfit(decode)) return decode;
    if (prefill === undefined) return { decode, prefill };
    const reads = this.systemOf(choiceAt(prefill, point, AXIS_NAMES.length));
    return isMisfit(reads) ? reads : { decode, prefill: reads };
  }

  /** The point that has this design; undefined when the space does not have it. */
  pointOf({ decode, prefill }: Design): Point | undefined {
    const other = this.file.prefill;
    if ((prefill === undefined) !== (other === undefined)) return undefined;
    const point = [
      ...this.indicesOf(this.file.axes, decode),
      ...(prefill && other ? this.indicesOf(other, prefill) : []),
    ];
    return point.includes(-1) ? undefined : point;
  }

  private systemOf(choice: Choice): System | Misfit {
    const { chips, pipeline, expert } = choice;
    const tensor = (chips * choice.cores) / (pipeline * expert);
    if (tensor < 1) {
      const ranks = `${chips * choice.cores} ranks`;
      return { misfit: `${pipeline} stages × ${expert} expert groups need more than ${ranks}` };
    }
    const chip = this.knownChipOf(choice);
    if (isMisfit(chip)) return chip;
    return { chip, chips, tensor, pipeline, expert, linkBytesPerSecond: choice.linkGBs * 1e9 };
  }

  /** The same object for the same chip in other systems, so that what is known of it is kept. */
  private knownChipOf(choice: Choice): Chip | Misfit {
    const key = CHIP_AXES.map((name) => choice[name]).join();
    const known = this.chips.get(key);
    if (known !== undefined) return known;
    if (this.chips.size >= MOST_KEPT) this.chips.clear();
    const chip = this.chipOf(choice);
    this.chips.set(key, chip);
    return chip;
  }

  private chipOf(choice: Choice): Chip | Misfit {
    const { formats, laneCycles, node, memory } = choice;
    const parts = { silicon: this.estimates.node(node), memory: this.estimates.memory(memory) };
    // All that the clock of units depends on, whatever else the chip has.
    const key = `${node} ${formats} ${laneCycles}`;
    const known = this.clocks.get(key);
    if (known !== undefined) return chipOf(choice, { ...parts, clockHz: share(choice, known) });
    // What a chip is made of does not depend on its clock.
    const slow = chipOf(choice, { ...parts, clockHz: 1 });
    if (isMisfit(slow)) return slow;
    const fmaxHz = this.estimates.of(slow).silicon.fmaxHz;
    this.clocks.set(key, fmaxHz);
    return chipOf(choice, { ...parts, clockHz: share(choice, fmaxHz) });
  }

  private indicesOf(axes: Axes, system: System): number[] {
    const { chip, chips, pipeline, expert, linkBytesPerSecond } = system;
    const { matrix, vector, scratchpad, accumulator, dma, memory, process } = chip;
    const { fmaxHz } = this.estimates.of(chip).silicon;
    const values: Omit<Choice, 'clockShare'> = {
      cores: chip.cores,
      columns: matrix.columns,
      formats: `${matrix.activationFormat}/${matrix.weightFormat}` as Choice['formats'],
      lanes: vector.lanes,
      laneCycles: vector.operationCycles,
      scratchpadKiB: scratchpad.sizeBytes / 1024,
      accumulatorRows: accumulator.sizeBytes / (4 * matrix.columns),
      loads: dma.outstandingLoads,
      memory: memory.type,
      bytesPerCycle: memory.bytesPerCycle,
      linkGBs: linkBytesPerSecond / 1e9,
      node: process.node,
      chips,
      pipeline,
      expert,
    };
    return AXIS_NAMES.map((name) => {
      if (name !== 'clockShare') return (axes[name] as unknown[]).indexOf(values[name]);
      return axes[name].findIndex((clockShare) => share({ clockShare }, fmaxHz) === chip.clockHz);
    });
  }
}

/** Whole MHz. */
function share({ clockShare }: Pick<Choice, 'clockShare'>, fmaxHz: number): number {
  return Math.floor((clockShare * fmaxHz) / 1e6) * 1e6;
}

function axesOf(role: SpaceAxis['role'], axes: Axes | undefined): SpaceAxis[] {
  if (axes === undefined) return [];
  return AXIS_NAMES.map((name) => ({ role, name, values: axes[name] }));
}

function choiceAt(axes: Axes, point: Point, first: number): Choice {
  const choice: Partial<Record<AxisName, number | string>> = {};
  for (let i = 0; i < AXIS_NAMES.length; i++) {
    const name = AXIS_NAMES[i]!;
    choice[name] = axes[name][point[first + i]!]!;
  }
  return choice as Choice;
}
