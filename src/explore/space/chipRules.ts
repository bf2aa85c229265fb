/**
 * The chip of a choice: fields that are on no axis follow from those that are, by the rules that the
 * built-in chips were designed by. A choice that no rule can complete is refused with its reason.
 */
import { windowBytes, type Chip, type Memory, type Silicon } from '../../chip/index.ts';
import type { Choice } from './axes.ts';

/** Activations and weights that a matrix unit takes. */
export const FORMATS = ['mxint8/mxint8', 'mxint8/mxfp4', 'mxfp8/mxfp8', 'mxfp8/mxfp4'] as const;
type FormatPair = (typeof FORMATS)[number];

/** Why a choice is no design. */
export interface Misfit {
  readonly misfit: string;
}

export function isMisfit(value: object): value is Misfit {
  return 'misfit' in value;
}

/** Matrix pipelines whose columns were synthesised (catalogue/silicon), so that none is extrapolated. */
const PIPELINES: Readonly<
  Record<FormatPair, { readonly pipelineCycles: number; readonly accumulateCycles: number }>
> = {
  'mxint8/mxint8': { pipelineCycles: 20, accumulateCycles: 8 },
  'mxint8/mxfp4': { pipelineCycles: 16, accumulateCycles: 6 },
  'mxfp8/mxfp8': { pipelineCycles: 22, accumulateCycles: 8 },
  'mxfp8/mxfp4': { pipelineCycles: 22, accumulateCycles: 8 },
};

const REASONS: Chip['reasons'] = {
  clockHz: 'the share that was chosen of what the slowest unit reaches on the node, in whole MHz',
  'matrix.weightPortBytesPerCycle':
    'twice the bytes of the memory port, and a block of 33 bytes for every 32 columns at least',
  'matrix.pipelineCycles': 'the stages of the column that was synthesised for the formats',
  'matrix.accumulateCycles': 'the stages of the column that was synthesised for the formats',
  'scratchpad.banks': 'a bank for every 64 KiB up to 32; 8 of 4 KiB at least, or 4',
  'accumulator.sizeBytes': 'the rows that were chosen, 4 bytes for every column',
  'accumulator.banks': 'a bank for every 256 rows, 2 at least and 8 at most',
  'control.sizeBytes': '32 bytes for every row of sums: lists of rows for experts',
  'dma.burstBytes': 'the burst of the memory',
  'memory.sizeBytes': "a core's share of as many devices as the ports of all cores need",
  'memory.latencyCycles': 'the latency of the memory at the clock',
};

const KIB = 1024;
const MOST_PORT_BYTES = 4096;

/** The parts of the catalogue that a choice names. */
export interface ChoiceParts {
  readonly silicon: Silicon;
  readonly memory: Memory;
  readonly clockHz: number;
}

/** The chip of a choice, or why there is none. */
export function chipOf(choice: Choice, { silicon, memory, clockHz }: ChoiceParts): Chip | Misfit {
  const { cores, columns, lanes, scratchpadKiB, accumulatorRows, loads, bytesPerCycle } = choice;
  const devices = Math.ceil((cores * bytesPerCycle * clockHz) / memory.bytesPerSecond);
  if (devices > memory.mostDevices)
    return {
      misfit: `${devices} devices of ${memory.id}, at most ${memory.mostDevices} fit a chip`,
    };
  const chip: Chip = {
    name: nameOf(choice, clockHz),
    summary: 'a point of a design space',
    template: 'jade',
    clockHz,
    cores,
    matrix: matrixOf(choice),
    vector: { lanes, operationCycles: choice.laneCycles },
    scratchpad: { sizeBytes: scratchpadKiB * KIB, banks: scratchpadBanks(scratchpadKiB) },
    accumulator: {
      sizeBytes: 4 * columns * accumulatorRows,
      banks: between(2, accumulatorRows / 256, 8),
    },
    control: { sizeBytes: 32 * accumulatorRows },
    dma: { outstandingLoads: loads, burstBytes: memory.burstBytes },
    memory: {
      type: memory.id,
      sizeBytes: Math.floor((devices * memory.capacityBytes) / cores),
      bytesPerCycle,
      latencyCycles: Math.max(2, Math.ceil((memory.latencyNs * clockHz) / 1e9)),
    },
    process: { node: silicon.node.id, nanometres: silicon.node.nanometres },
    reasons: REASONS,
  };
  return misfitOfBanks(chip) ?? chip;
}

/** 16 KiB: 4, 128 KiB: 8, 1 MiB: 16, 4 MiB: 32. */
function scratchpadBanks(kib: number): number {
  return between(4, Math.max(kib / 64, Math.min(8, kib / 4)), 32);
}

function between(least: number, value: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function matrixOf({ columns, formats, bytesPerCycle }: Choice): Chip['matrix'] {
  const [activationFormat, weightFormat] = formats.split('/') as [
    Chip['matrix']['activationFormat'],
    Chip['matrix']['weightFormat'],
  ];
  const leastPort = 2 ** Math.ceil(Math.log2(33 * Math.max(1, columns / 32)));
  return {
    lanes: 32,
    columns,
    activationFormat,
    weightFormat,
    weightPortBytesPerCycle: Math.min(MOST_PORT_BYTES, Math.max(leastPort, 2 * bytesPerCycle)),
    ...PIPELINES[formats],
  };
}

/** A bank must hold four words as wide as the widest port; so must the control memory. */
function misfitOfBanks(chip: Chip): Misfit | undefined {
  const least = 4 * windowBytes(chip);
  const { scratchpad, accumulator, control } = chip;
  const banks = {
    scratchpad: scratchpad.sizeBytes / scratchpad.banks,
    accumulator: accumulator.sizeBytes / accumulator.banks,
    'control memory': control.sizeBytes,
  };
  const [small] = Object.entries(banks).filter(([, bytes]) => bytes < least);
  if (small === undefined) return undefined;
  return {
    misfit: `banks of the ${small[0]} have ${small[1]} bytes, at least ${least} are needed`,
  };
}

/** Says all of a chip that can differ: at most 64 characters of letters, digits and dashes. */
function nameOf(choice: Choice, clockHz: number): string {
  const { cores, columns, formats, lanes, laneCycles, scratchpadKiB, accumulatorRows } = choice;
  const letters = formats.replace('mxint8', 'i8').replace('mxint8', 'i8').replace('mxfp8', 'f8');
  const format = letters.replace('mxfp8', 'f8').replace('mxfp4', 'f4').replace('/', '');
  const core = `${columns}${format}v${lanes}x${laneCycles}s${scratchpadKiB}a${accumulatorRows}`;
  const memory = `l${choice.loads}b${choice.bytesPerCycle}-${choice.memory}`;
  return `${cores}x${core}${memory}-${choice.node}-${Math.round(clockHz / 1e6)}`;
}
