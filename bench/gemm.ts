import { loadChip } from '../src/chip/index.ts';
import { makeNode, tensor, type Graph, type Node, type WeightSource } from '../src/ir/index.ts';
import { JadeBench, type Timed } from './jade.ts';
import { engineering, median, percent, type Table } from './table.ts';

/** N, K of the GEMMs of Qwen3-0.6B: hidden 1024, 16 + 2·8 heads of 128, feed-forward 3072. */
const SHAPES: readonly (readonly [string, number, number])[] = [
  ['qkv', 4096, 1024],
  ['o', 1024, 2048],
  ['gate + up', 6144, 1024],
  ['down', 1024, 3072],
];
const ROWS = [1, 16, 32, 64];
const REPEATS = 3;
const VOCABULARY = 128;

export function benchGemm(): Table {
  return {
    title: 'GEMMs of Qwen3-0.6B on jade-edge',
    notes: [
      'Each GEMM as a program of its own: rows gathered and quantised, weights streamed from memory in MXINT8, f32 results',
      `stored to memory. Simulated speed: median of ${REPEATS} runs, values included..`,
    ],
    columns: [
      'GEMM',
      'M',
      'N',
      'K',
      'cycles',
      'MAC utilisation',
      'bandwidth',
      'simulated cycles/s',
      'simulated MAC/s',
    ],
    rows: SHAPES.flatMap((shape) => gemmRows(...shape)),
  };
}

function gemmRows(name: string, N: number, K: number): (string | number)[][] {
  const chip = loadChip('jade-edge');
  const bench = new JadeBench(chip, gemmGraph(N, K), 128);
  return ROWS.filter((M) => M <= bench.maxTokens).map((M) => {
    const tokens = Int32Array.from({ length: M }, (_, i) => i % VOCABULARY);
    const runs = Array.from({ length: REPEATS }, () => bench.step(tokens, 0));
    const { cycles, macs, bytesMoved } = runs[0] as Timed;
    const seconds = median(runs.map((run) => run.seconds));
    const utilisation = macs / (cycles * chip.matrix.lanes * chip.matrix.columns);
    const bandwidth = bytesMoved / (cycles * chip.memory.bytesPerCycle);
    const speed = [engineering(cycles / seconds), engineering(macs / seconds)];
    return [name, M, N, K, cycles, percent(utilisation), percent(bandwidth), ...speed];
  });
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
  const next = makeNode('argMax', [logits], {}, 'gemm');
  const outputs = new Map([
    ['logits', logits],
    ['next', next],
  ]);
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
