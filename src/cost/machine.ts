/**
 * Machine: a chip as the roofline model sees it, one rate of arithmetic and one of memory.
 *
 * Bytes of a weight with its scale: MX formats one E8M0 byte for 32 [1]; FP8 one f32 for 128×128, as in
 * DeepSeek-V3; INT8 one f32 an output channel, counted as none; INT4 one bf16 for 128.
 *
 * [1] OCP Microscaling Formats (MX) Specification v1.0, section 5.
 */
import { UnsupportedError } from '../base/index.ts';
import type { Accelerator, AcceleratorFormat, Chip } from '../chip/index.ts';
import { MX_BLOCK } from '../ir/index.ts';

/** Where the rates of a machine come from. */
export interface Provenance {
  readonly text: string;
  readonly urls: readonly string[];
}

export interface Machine {
  readonly name: string;
  readonly macsPerSecond: number;
  readonly bandwidthBytesPerSecond: number;
  /** Format of weights in memory and of the arithmetic. */
  readonly format: string;
  readonly bytesPerWeight: number;
  /** Bytes of one element of keys, values or latents in memory. */
  readonly bytesPerStateElement: number;
  readonly provenance: Provenance;
}

/** Bytes of one weight in memory; of state in FP8 the scale is too small to tell. */
export const FORMAT_BYTES = {
  bf16: 2,
  fp16: 2,
  fp8: 1 + 4 / 128 ** 2,
  int8: 1,
  int4: 1 / 2 + 2 / 128,
  mxint8: 1 + 1 / MX_BLOCK,
  mxfp8: 1 + 1 / MX_BLOCK,
  mxfp4: 1 / 2 + 1 / MX_BLOCK,
} as const;

/** A Jade chip: in each cycle lanes · columns MACs of each core, and `bytesPerCycle` at the port of each. */
export function machineOfChip(chip: Chip): Machine {
  const { matrix, memory, cores, clockHz } = chip;
  return {
    name: chip.name,
    macsPerSecond: cores * matrix.lanes * matrix.columns * clockHz,
    bandwidthBytesPerSecond: cores * memory.bytesPerCycle * clockHz,
    format: matrix.weightFormat,
    bytesPerWeight: FORMAT_BYTES[matrix.weightFormat],
    bytesPerStateElement: FORMAT_BYTES[matrix.activationFormat],
    provenance: { text: 'chip description', urls: [] },
  };
}

/** Formats in which both rates and bytes of weights are known. */
export type MachineFormat = AcceleratorFormat & keyof typeof FORMAT_BYTES;

/** A published accelerator. Throws UnsupportedError when its peak in `format` or its bandwidth is not published. */
export function machineOfAccelerator(chip: Accelerator, format: MachineFormat): Machine {
  const peak = chip.peakOperationsPerSecond[format];
  const { confidence } = chip;
  const { bandwidthBytesPerSecond } = chip.memory;
  if (peak === null) {
    const known = Object.entries(chip.peakOperationsPerSecond).filter(([, rate]) => rate !== null);
    throw new UnsupportedError(`a peak in ${format} must be published, but there is none`, {
      where: chip.id,
      hint: `published: ${known.map(([name]) => name).join(', ') || 'none'}`,
    });
  }
  if (bandwidthBytesPerSecond === null) {
    throw new UnsupportedError('a memory bandwidth must be published, but there is none', {
      where: chip.id,
      hint: 'celadon chips --sort bandwidth shows those that have one',
    });
  }
  return {
    name: chip.name,
    macsPerSecond: peak / 2,
    bandwidthBytesPerSecond,
    format,
    bytesPerWeight: FORMAT_BYTES[format],
    bytesPerStateElement: FORMAT_BYTES.bf16, // what serving systems keep unless told otherwise
    provenance: {
      text: `peak ${confidence.peak}, memory ${confidence.memory}`,
      urls: chip.sources.flatMap(({ url }) => url ?? []),
    },
  };
}
