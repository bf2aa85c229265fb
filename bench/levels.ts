/** The levels of one machine side by side, and beside SCALE-Sim v3. */
import { loadChip, type Chip } from '../src/chip/index.ts';
import { runSystolic, scaleSimCycles, type GemmShape } from '../src/cost/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { QUEUES } from '../src/target/jade/isa.table.ts';
import {
  ClosedForm,
  kernelShapes,
  runTileEvents,
  tileProgram,
  type KernelShape,
} from '../src/target/jade/levels/index.ts';
import {
  compileLayer,
  CONTEXT_TOKENS,
  rowsOfExperts,
  runLayer,
  simulatorOf,
  withRows,
  type Compiled,
} from '../src/target/jade/levels/layerRuns.ts';
import { gemmGraph } from './gemm.ts';
import { qwen3Layer, v4Layer, V4_FLASH } from './layers.ts';
import { engineering, secondsOf, timed, type Table } from './table.ts';

export function benchLevels(): readonly Table[] {
  return [layersTable(), scaleSimTable()];
}

/** `chip` with its memories `factor` times as large: for more rows than the built-in chip holds. */
function withMemories(chip: Chip, factor: number): Chip {
  const { scratchpad, accumulator, control } = chip;
  return {
    ...chip,
    name: `${chip.name}, memories × ${factor}`,
    scratchpad: { ...scratchpad, sizeBytes: scratchpad.sizeBytes * factor },
    accumulator: { ...accumulator, sizeBytes: accumulator.sizeBytes * factor },
    control: { sizeBytes: control.sizeBytes * factor },
  };
}

function layersTable(): Table {
  const [edge, server] = [loadChip('jade-edge'), loadChip('jade-server')];
  const [qwen3, v4] = [qwen3Layer(), v4Layer(V4_FLASH)];
  const chosen = v4Layer({ ...V4_FLASH, experts: V4_FLASH.expertsPerToken });
  const layers = [
    closedForm('Qwen3-0.6B', edge, qwen3, 1),
    closedForm('Qwen3-0.6B', edge, qwen3, undefined),
    closedForm('Qwen3-0.6B', server, qwen3, 1),
    closedForm('Qwen3-0.6B', server, qwen3, 128),
    closedForm('V4-Flash, chosen experts', edge, chosen, 1),
    closedForm('V4-Flash, chosen experts', server, chosen, 1),
    closedForm('V4-Flash', server, v4, 1),
    closedForm('V4-Flash', withMemories(server, 8), v4, 128),
  ];
  return {
    title: 'Levels of one machine on whole layers',
    notes: [
      `One layer with an embedding before it and a head of 256 rows behind it, for the last tokens of a context of ${CONTEXT_TOKENS}.`,
      'L2: the simulator, values included (its first run). L1: tile events, with the rows that each expert had in L2, which L0 knows too',
      '(balanced: with the same number for each expert, where random weights and 128 random tokens do not give that).',
      'L0: closed form. Speeds are for each second of CPU time of one thread; L1 and L0 after warming up, program and shapes made',
      'before; in each run of L1, equal groups of instructions from equal states of the clock are run once.',
      'V4-Flash, from its configuration: hidden 4096, query rank 1024, 64 heads of 512 over one key head of 256 entries (what a',
      'layer of compression 128 sees at 16,384 tokens), grouped output 8 × 1024, 256 experts of 2048 of which 6 are chosen, one shared.',
      '(chosen experts: these six alone, without the instructions of the others, which are skipped one by one).',
      'All of its weights are in the format of the chip. Left out: compressors, indexer, hyper-connections, sink, hash routing, clamp,',
      'the rotation undone after attention; all channels of a head are rotated instead of 64.',
    ],
    columns: [
      'layer',
      'chip',
      'tokens',
      'instructions',
      'L2 cycles',
      'L1 cycles',
      'L1 error',
      'balanced',
      'L0 cycles',
      'L0 error',
      'L2 cycles/s',
      'L1 cycles/s',
      'L0 layers/s / kernels/s',
    ],
    rows: layers.map(layerRow),
  };
}

interface Layer {
  readonly name: string;
  readonly compiled: Compiled;
  readonly shapes: readonly KernelShape[];
  /** Layers and kernels evaluated in a second. */
  readonly speeds: readonly [number, number];
}

/** L0 comes before the simulator: an exploration has none in its process, and runs faster for it. */
function closedForm(name: string, chip: Chip, graph: Graph, tokens: number | undefined): Layer {
  const compiled = compileLayer(chip, graph, tokens);
  const shapes = kernelShapes(compiled.graph, compiled.dims);
  const form = new ClosedForm(shapes);
  const layers = 1 / secondsOf(() => form.cycles(chip));
  return { name, compiled, shapes, speeds: [layers, layers * shapes.length] };
}

function layerRow({ name, compiled, shapes, speeds }: Layer): (string | number)[] {
  const { chip, dims, program } = compiled;
  const simulator = simulatorOf(compiled);
  const l2 = timed(() => runLayer(compiled, simulator));
  const { cycles } = l2.result;
  const events = runLayer(compiled, simulator, true);
  const expertRows = rowsOfExperts(program, events);
  const tiles = tileProgram(chip, program.instructions, expertRows);
  const l1 = runTileEvents(tiles).cycles;
  const l1Seconds = secondsOf(() => runTileEvents(tiles));
  const assumed = runTileEvents(tileProgram(chip, program.instructions)).cycles;
  const known = new ClosedForm(shapes.map((shape) => withRows(shape, expertRows)));
  const l0 = known.cycles(chip);
  return [
    name,
    chip.name,
    dims.T,
    program.instructions.length,
    cycles,
    l1,
    error(l1, cycles, 3),
    error(assumed, cycles, 3),
    l0,
    error(l0, cycles, 1),
    engineering(cycles / l2.seconds),
    engineering(l1 / l1Seconds),
    speeds.map(engineering).join(' / '),
  ];
}

function error(cycles: number, truth: number, digits: number): string {
  return `${((cycles / truth - 1) * 100).toFixed(digits)} %`;
}

/** M, N, K, and what SCALE-Sim v3 took: CPU seconds, where they were measured. */
const SCALE_SIM: readonly (readonly [number, number, number, number | undefined])[] = [
  [256, 256, 256, 3.6],
  [1, 4096, 1024, 35.9],
  [1, 1024, 2048, undefined],
  [1, 6144, 1024, undefined],
  [1, 1024, 3072, undefined],
  [128, 4096, 1024, 160.7],
];
const ARRAY = { rows: 32, columns: 32 };

function scaleSimTable(): Table {
  const edge = withMemories(loadChip('jade-edge'), 4);
  const chip = { ...edge, matrix: { ...edge.matrix, columns: 32 } };
  return {
    title: 'Beside SCALE-Sim v3',
    notes: [
      'SCALE-Sim v3 (commit 1d62b68, 32 × 32, weight stationary, traces off): compute cycles without stalls and CPU seconds as measured on',
      '2026-11-23 on two shared cores of a Zen 4 EPYC; the last row is its four projections of one Qwen3-0.6B decode layer. Compat: our',
      'closed formula, and the same array run element by element, with values. Jade: jade-edge with an array of 32 × 32 and larger',
      'memories, which loads the weights of the next pass while it multiplies. Its array cycles are what SCALE-Sim counts; its L2 and L1',
      'cycles contain everything from gathering the rows to storing the results, at 64 B a cycle of memory.',
      'L1 seconds: preparing the program and one cold run. Compiling, about a second, is in neither.',
    ],
    columns: [
      'M × N × K',
      'SCALE-Sim cycles',
      'CPU s',
      'compat formula',
      'compat run',
      'CPU s',
      'Jade array cycles',
      'SCALE-Sim / array',
      'Jade L2 cycles',
      'CPU s',
      'Jade L1 cycles',
      'CPU s',
    ],
    rows: [...SCALE_SIM.map((row) => gemmRow(chip, ...row)), layerBeside(chip)],
  };
}

function gemmRow(
  chip: Chip,
  M: number,
  N: number,
  K: number,
  scaleSimSeconds: number | undefined,
): (string | number)[] {
  const shape = { M, N, K };
  const formula = scaleSimCycles('ws', shape, ARRAY);
  const compat = timed(() => runSystolic('ws', shape, ARRAY, ...operands(shape)).cycles);
  return [
    `${M} × ${N} × ${K}`,
    formula,
    scaleSimSeconds ?? '',
    formula,
    compat.result,
    compat.seconds.toFixed(2),
    ...jadeCells(compileLayer(chip, gemmGraph(N, K), M), formula),
  ];
}

/** Small whole numbers; cycles do not depend on them. */
function operands({ M, N, K }: GemmShape): [Float64Array, Float64Array] {
  const matrix = (rows: number): Float64Array =>
    Float64Array.from({ length: rows * K }, (_, i) => (i % 13) - 6);
  return [matrix(M), matrix(N)];
}

/** Four projections by SCALE-Sim, the whole layer by ours. */
function layerBeside(chip: Chip): (string | number)[] {
  const cycles = 1_459_196;
  const cells = jadeCells(compileLayer(chip, qwen3Layer(), 1), cycles);
  return ['Qwen3-0.6B layer, M = 1', cycles, 139.8, '', '', '', ...cells];
}

function jadeCells(compiled: Compiled, scaleSim: number): (string | number)[] {
  const { chip, program } = compiled;
  const simulator = simulatorOf(compiled);
  const l2 = timed(() => runLayer(compiled, simulator));
  const l1 = timed(() => runTileEvents(tileProgram(chip, program.instructions)).cycles);
  const array = l2.result.busyCycles[QUEUES.indexOf('matrix')]!;
  return [
    array,
    `${(scaleSim / array).toFixed(2)} ×`,
    l2.result.cycles,
    l2.seconds.toFixed(2),
    l1.result,
    l1.seconds.toFixed(4),
  ];
}
