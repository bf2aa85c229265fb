import { loadChip, type Chip } from '../src/chip/index.ts';
import { makeNode, tensor, type Graph, type Node, type WeightSource } from '../src/ir/index.ts';
import { QUEUES, type Instruction } from '../src/target/jade/isa.table.ts';
import { tileProgram } from '../src/target/jade/levels/index.ts';
import { JadeBench, type Timed } from './jade.ts';
import { engineering, median, percent, type Table } from './table.ts';

/**
 * N, K of the GEMMs of Qwen3-0.6B: hidden 1024, 16 + 2·8 heads of 128, feed-forward 3072; and the largest
 * of Qwen3-1.7B: hidden 2048, feed-forward 6144.
 */
const SHAPES: readonly (readonly [string, number, number])[] = [
  ['qkv', 4096, 1024],
  ['o', 1024, 2048],
  ['gate + up', 6144, 1024],
  ['down', 1024, 3072],
  ['gate + up, 1.7B', 12288, 2048],
];
const ROWS = [
  ['jade-edge', [1, 16, 32, 64]],
  ['jade-server', [128, 256]],
] as const;
const REPEATS = 3;
const MATRIX = QUEUES.indexOf('matrix');
const VOCABULARY = 128;

export function benchGemm(): Table {
  return {
    title: 'GEMMs of Qwen3',
    notes: [
      'Each GEMM as a program of its own: rows gathered and quantised, weights streamed from memory in the format of the chip,',
      `f32 results stored to memory; rows that the chip holds. MAC utilisation of all that, and of the cycles from the first product to`,
      `the last, as where another kernel comes before and after. Simulated speed: median of ${REPEATS} runs, values included.`,
    ],
    columns: [
      'GEMM',
      'chip',
      'M',
      'N',
      'K',
      'cycles',
      'MAC utilisation',
      'from first to last product',
      'bandwidth',
      'simulated cycles/s',
      'simulated MAC/s',
    ],
    rows: ROWS.flatMap(([chip, rows]) =>
      SHAPES.flatMap(([name, N, K]) => gemmRows(chip, rows, name, N, K)),
    ),
  };
}

function gemmRows(
  chipName: string,
  rows: readonly number[],
  name: string,
  N: number,
  K: number,
): (string | number)[][] {
  const chip = loadChip(chipName);
  const bench = new JadeBench(chip, gemmGraph(N, K), 256);
  return rows
    .filter((M) => M <= bench.maxTokens)
    .map((M) => {
      const tokens = Int32Array.from({ length: M }, (_, i) => i % VOCABULARY);
      const runs = Array.from({ length: REPEATS }, () => bench.step(tokens, 0));
      const { cycles, macs, bytesMoved } = runs[0] as Timed;
      const seconds = median(runs.map((run) => run.seconds));
      const products = productCycles(chip, bench.program(M, 0).instructions);
      const [whole, within] = [cycles, products].map((count) =>
        percent(macs / (count * chip.matrix.lanes * chip.matrix.columns)),
      ) as [string, string];
      const bandwidth = bytesMoved / (cycles * chip.memory.bytesPerCycle);
      const speed = [engineering(cycles / seconds), engineering(macs / seconds)];
      return [name, chipName, M, N, K, cycles, whole, within, percent(bandwidth), ...speed];
    });
}

/** Cycles from the first pass of the array to the last. */
function productCycles(chip: Chip, instructions: readonly Instruction[]): number {
  const { timing } = tileProgram(chip, instructions);
  let [first, last] = [Infinity, 0];
  timing.reset();
  while (timing.take()) {
    timing.commit();
    if (timing.queue !== MATRIX) continue;
    first = Math.min(first, timing.course.from);
    last = Math.max(last, timing.course.to);
  }
  return last - first;
}

/** logits = table[tokens] · weightᵀ: a GEMM whose rows come from memory. */
export function gemmGraph(N: number, K: number): Graph {
  const weights = new Map(
    [noise('table', VOCABULARY, K), noise('weight', N, K)].map((w) => [w.name, w]),
  );
  const node = (name: string, ...shape: number[]): Node =>
    makeNode('weight', [], { name, type: tensor('f32', shape) });
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const rows = makeNode('embedding', [tokens, node('table', VOCABULARY, K)], {}, 'rows');
  const logits = makeNode('linear', [rows, node('weight', N, K)], {}, 'gemm');
  const outputs = new Map([['logits', logits]]);
  return { name: `gemm ${N}x${K}`, outputs, states: new Map(), weights };
}

/** Values in ±1 by a fixed rule; their size does not change timing. */
function noise(name: string, rows: number, columns: number): WeightSource {
  const load = (): Float32Array =>
    Float32Array.from(
      { length: rows * columns },
      (_, i) => (((i * 2654435761) >>> 16) % 2001) / 1000 - 1,
    );
  return { name, shape: [rows, columns], load };
}
