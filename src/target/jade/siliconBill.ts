/**
 * What a Jade chip is made of, from its description: the arithmetic of its columns and lanes, the
 * registers around them, its memories.
 */
import type { Chip } from '../../chip/index.ts';
import type { Activity, BillPart, SiliconBill } from '../../cost/index.ts';
import { QUEUES } from './isa.table.ts';
import type { RunStats } from './sim/index.ts';

/** Cycles of an accumulation besides the addition: reading the sum and writing it. */
const ACCUMULATOR_CYCLES = 4;
/** Cycles of the matrix pipeline that are neither products nor addition: reading activations, writing. */
const OPERAND_CYCLES = 4;
/** A block: 32 elements and a scale. */
const BLOCK_BITS = 264;
/** Registers of a vector lane: six of the microcode, the accumulator, both operands. */
const LANE_REGISTERS = 9;
/** A memory word, for the tables; area goes by bits. */
const WORD_BITS = 128;

/** The bill of `chip`; units are those of catalogue/silicon. */
export function siliconBill(chip: Chip): SiliconBill {
  const { matrix, cores } = chip;
  return {
    chip: chip.name,
    clockHz: chip.clockHz,
    macsPerCycle: cores * matrix.lanes * matrix.columns,
    parts: [matrixPart(chip), vectorPart(chip), memoryPart(chip)],
    notCounted: [
      'instruction queues, decoder and semaphores',
      'DMA and memory controller',
      'steering between memories and units',
      'sequencer of the vector unit',
    ],
  };
}

/** Stages of the additions and of the dot products, which are the rest of the pipeline. */
function stagesOf({ matrix }: Chip): { add: number; dot: number } {
  const add = Math.max(2, matrix.accumulateCycles - ACCUMULATOR_CYCLES);
  return { add, dot: Math.max(1, matrix.pipelineCycles - OPERAND_CYCLES - add) };
}

function matrixPart(chip: Chip): BillPart {
  const { activationFormat, weightFormat, columns, lanes } = chip.matrix;
  const { add, dot } = stagesOf(chip);
  const count = chip.cores * columns;
  return {
    part: 'matrix',
    units: [
      { unit: `dot_${activationFormat}_${weightFormat}_${dot}`, count },
      { unit: `add_f32_${add}`, count },
    ],
    // Weights in use and being loaded, their format; the activations that all columns see.
    registerBits: count * (2 * BLOCK_BITS + 1) + chip.cores * BLOCK_BITS,
    // Weights arrive a block at a time or, transposed, one element at a time.
    operators: [{ operator: 'mux', widths: [2, 8], count: count * lanes }],
    memories: [],
  };
}

function vectorPart(chip: Chip): BillPart {
  const count = chip.cores * chip.vector.lanes;
  return {
    part: 'vector',
    units: [
      { unit: `add_f32_${stagesOf(chip).add}`, count },
      { unit: 'mul_f32_5', count },
      { unit: 'exp2_split_3', count },
      { unit: 'lane_tables_1', count },
      { unit: `quantize_${chip.matrix.activationFormat}_2`, count },
    ],
    registerBits: count * LANE_REGISTERS * 32,
    operators: [{ operator: 'mux', widths: [LANE_REGISTERS, 32], count: 2 * count }],
    memories: [],
  };
}

/** Banks have a port for reading and one for writing. */
function memoryPart({ cores, scratchpad, accumulator }: Chip): BillPart {
  const memories = [scratchpad, accumulator].map(({ sizeBytes, banks }) => ({
    words: Math.ceil((sizeBytes * 8) / banks / WORD_BITS),
    width: WORD_BITS,
    ports: 2 as const,
    byteEnables: true,
    count: cores * banks,
  }));
  return { part: 'memory', units: [], registerBits: 0, operators: [], memories };
}

/** A block of activations with its scale. */
const ACTIVATION_BYTES = BLOCK_BITS / 8;

/**
 * What a run did to the parts of the bill. On-chip bytes are those of busy cycles at full width: the
 * matrix unit reads a block and reads and writes a sum for each column, the vector unit reads two
 * operands and writes a result for each lane, transfers write or read what they move.
 */
export function activityOf(
  { matrix, vector }: Chip,
  { cycles, busyCycles, bytesLoaded, bytesStored }: RunStats,
): Activity {
  const matrixCycles = busyCycles[QUEUES.indexOf('matrix')]!;
  const vectorCycles = busyCycles[QUEUES.indexOf('vector')]!;
  const matrixBytes = matrixCycles * (ACTIVATION_BYTES + 2 * 4 * matrix.columns);
  const vectorBytes = vectorCycles * 3 * 4 * vector.lanes;
  return {
    cycles,
    busyCycles: { matrix: matrixCycles, vector: vectorCycles },
    memoryBytes: matrixBytes + vectorBytes + bytesLoaded + bytesStored,
  };
}
