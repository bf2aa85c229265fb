/**
 * A published chip as the performance model sees it: what one of its devices reaches. A device is what
 * software sees as one: a package, or a die of it where work is divided among dies as among chips.
 */
import { UnsupportedError } from '../base/index.ts';
import { efficiencyOf, type Accelerator, type Efficiency } from '../chip/index.ts';
import { precisionOfShare, type Precision } from './precision.ts';

/** One device of a chip with what it reaches, for weights of one precision. */
export interface ChipModel {
  readonly chip: Accelerator;
  /** Devices that software sees of a chip; rates, memory and links are those of one. */
  readonly devices: number;
  readonly efficiency: Efficiency;
  readonly precision: Precision;
  readonly bandwidthBytesPerSecond: number;
  readonly capacityBytes: number;
  /** Between devices of a scale-up domain, in one direction; null: there is no such link. */
  readonly linkBytesPerSecond: number | null;
  /** Devices of a scale-up domain. */
  readonly domain: number;
  /** Cores that compute a tile at a time; undefined where it is not published. */
  readonly cores: number | undefined;
}

/** Throws UnsupportedError when bandwidth or capacity of the chip are not published. */
export function chipModel(chip: Accelerator, precision: Precision): ChipModel {
  const { bandwidthBytesPerSecond, capacityBytes } = chip.memory;
  if (bandwidthBytesPerSecond === null || capacityBytes === null) {
    const lacking = bandwidthBytesPerSecond === null ? 'bandwidth' : 'capacity';
    throw new UnsupportedError(`a memory ${lacking} must be published, but there is none`, {
      where: chip.id,
      hint: `celadon chips --sort ${lacking} shows those that have one`,
    });
  }
  const efficiency = efficiencyOf(chip.id);
  const devices = chip.devices ?? 1;
  const { bandwidthBytesPerSecond: link, scaleUpChips } = chip.interconnect;
  const cores = chip.microarchitecture?.[efficiency.tile.cores];
  return {
    ...{ chip, devices, efficiency },
    precision: precisionOfShare(precision, devices),
    bandwidthBytesPerSecond: bandwidthBytesPerSecond / devices,
    capacityBytes: capacityBytes / devices,
    linkBytesPerSecond: link === null ? null : link / devices,
    domain: devices * (link === null ? 1 : (scaleUpChips ?? 1)),
    cores: typeof cores === 'number' ? cores / devices : undefined,
  };
}
