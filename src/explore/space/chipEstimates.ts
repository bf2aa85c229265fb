/** What of a chip is known before it serves anything: its silicon, its memory, its price, its measures. */
import {
  measuresOf,
  type Chip,
  type Memories,
  type Memory,
  type Silicon,
  type Wafers,
} from '../../chip/index.ts';
import { UsageError } from '../../base/index.ts';
import { ChipPrices, type ChipSilicon, type PieceSource } from './chipSilicon.ts';
import { costOf, type ChipCost } from './cost.ts';

/** What estimates read. */
export interface EstimateSources {
  readonly pieces: PieceSource;
  readonly nodes: readonly Silicon[];
  readonly memories: Memories;
  readonly wafers: Wafers;
}

export interface ChipEstimate {
  readonly silicon: ChipSilicon;
  readonly memory: Memory;
  /** Devices of it beside the chip. */
  readonly devices: number;
  readonly areaMm2: number;
  /**
   * As the export rules count it: TOPS × 8 bits of the multipliers, which take the larger input at 8 bits
   * in every format. Lanes of f32 have less, and are no part of the largest.
   */
  readonly tpp: number;
  /** TPP by the placed area, an area from below; null on planar processes, whose area does not count. */
  readonly performanceDensity: number | null;
  /** Of the ports of all cores: no more than the devices have. */
  readonly memoryBandwidthGBs: number;
  readonly memoryCapacityGiB: number;
  readonly cost: ChipCost | null;
}

/** Estimates chips, each once. */
export class ChipEstimates {
  readonly memories: Memories;
  private readonly prices: ReadonlyMap<string, ChipPrices>;
  private readonly wafers: Wafers;
  private readonly known = new WeakMap<Chip, ChipEstimate>();

  constructor({ pieces, nodes, memories, wafers }: EstimateSources) {
    this.prices = new Map(
      nodes.map((silicon) => [silicon.node.id, new ChipPrices(pieces, silicon)]),
    );
    this.memories = memories;
    this.wafers = wafers;
  }

  /** Throws UsageError for a node or memory that the catalogue does not have. */
  of(chip: Chip): ChipEstimate {
    return this.known.getOrInsertComputed(chip, () => this.estimate(chip));
  }

  node(id: string): Silicon {
    return this.pricesOf(id).silicon;
  }

  memory(id: string): Memory {
    const memory = this.memories.get(id);
    if (memory) return memory;
    throw missing('memory', id, this.memories.keys(), 'catalogue/memories.json');
  }

  private estimate(chip: Chip): ChipEstimate {
    const silicon = this.pricesOf(chip.process.node).of(chip);
    const memory = this.memory(chip.memory.type);
    const { areaMm2 } = silicon;
    const memoryBytes = chip.cores * chip.memory.sizeBytes;
    const devices = Math.round(memoryBytes / memory.capacityBytes);
    const measures = measuresOf(ratedOf(chip, areaMm2));
    return {
      silicon,
      memory,
      devices,
      areaMm2,
      tpp: measures.totalProcessingPerformance!,
      performanceDensity: measures.performanceDensity ?? null,
      memoryBandwidthGBs: measures.memoryBandwidthGigabytesPerSecond!,
      memoryCapacityGiB: memoryBytes / 2 ** 30,
      cost: costOf({ areaMm2, node: chip.process.node, memory, devices }, this.wafers),
    };
  }

  private pricesOf(node: string): ChipPrices {
    const prices = this.prices.get(node);
    if (prices) return prices;
    throw missing('node', node, this.prices.keys(), 'catalogue/silicon');
  }
}

function missing(what: string, id: string, names: Iterable<string>, where: string): UsageError {
  return new UsageError(
    `the ${what} must be one of ${[...names].join(', ')}, not ${JSON.stringify(id)}`,
    { where },
  );
}

const NO_RATES = {
  fp64: null,
  fp32: null,
  tf32: null,
  bf16: null,
  fp16: null,
  fp8: null,
  hif8: null,
  mxfp4: null,
  int8: null,
  int4: null,
};

/** The chip as the export rules see one. */
function ratedOf(chip: Chip, areaMm2: number): Parameters<typeof measuresOf>[0] {
  const { cores, clockHz, matrix, memory, process } = chip;
  const rate = 2 * cores * matrix.lanes * matrix.columns * clockHz;
  const format = matrix.activationFormat === 'mxfp8' ? 'fp8' : 'int8';
  return {
    peakOperationsPerSecond: { ...NO_RATES, [format]: rate },
    dieAreaMm2: areaMm2,
    process: { name: process.node, nanometres: process.nanometres, foundry: null },
    memory: {
      type: memory.type,
      capacityBytes: cores * memory.sizeBytes,
      bandwidthBytesPerSecond: cores * memory.bytesPerCycle * clockHz,
    },
  };
}
