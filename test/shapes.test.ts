/**
 * Shapes at random on the cpu, with each maker of kernels: a layer whose widths no tile divides, fed 1 to 300
 * tokens of one or two sequences at a time. The judge is the interpreter.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../src/base/index.ts';
import { compileLowered, lowerGraph, type Target } from '../src/compile/index.ts';
import { f32Of, floatNumerics, Interpreter, type Graph } from '../src/ir/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { Sketch, VOCABULARY } from './conformance/case.ts';
import { EMITTERS } from './emitters.ts';
import { INTEGER_FORMATS } from '../src/target/cpu/panels/panelFormats.table.ts';
import { PANEL_NAMES } from './panels.ts';
import { portion } from './portion.ts';
import { quantizedGraph } from './quantizeWeights.ts';
import { difference } from './session.ts';

const MOST_TOKENS = 300;

/** What a layer is made of; its name is in the message when it differs. */
interface Shape {
  readonly width: number;
  readonly heads: number;
  readonly groups: number;
  readonly headWidth: number;
  readonly valueWidth: number;
  readonly inner: number;
  readonly threads: number;
  /** Tokens of each step, for each of the sequences. */
  readonly steps: readonly number[];
  readonly sequences: number;
}

/** Widths from 1 to `most`, where `step` says of which they are multiples; at least one step. */
function randomShape(random: Random, step: number): Shape {
  const width = (most: number): number =>
    step * (1 + random.int(Math.max(1, Math.floor(most / step))));
  const [groups, shared] = [1 + random.int(3), 1 + random.int(4)];
  const sequences = 1 + random.int(2);
  const first = 1 + random.int(Math.floor(MOST_TOKENS / sequences));
  return {
    width: width(200),
    heads: groups * shared,
    groups,
    headWidth: width(96),
    valueWidth: width(96),
    inner: width(300),
    threads: 1 + random.int(2),
    steps: [first, 1, 1 + random.int(17)],
    sequences,
  };
}

function layerOf(shape: Shape): Graph {
  const s = new Sketch();
  const x = s.rows(shape.width);
  const normed = s.norm(x);
  const query = s.heads(normed, shape.heads, shape.headWidth);
  const keys = s.append(s.heads(normed, shape.groups, shape.headWidth));
  const values = s.append(s.heads(normed, shape.groups, shape.valueWidth));
  const mixed = s.linear(s.merge(s.attention(query, keys, values)), shape.width);
  const added = s.node('add', [x, mixed], {});
  const gated = [s.linear(s.norm(added), shape.inner), s.linear(added, shape.inner)];
  const fed = s.linear(s.node('swiglu', gated, {}), shape.width);
  return s.finish('a layer', s.logits(s.node('add', [added, fed], {})));
}

type Run = (tokens: Int32Array, start: number) => Float32Array;

function judge(graph: Graph, { sequences: B }: Shape): Run {
  const interpreter = new Interpreter(floatNumerics);
  return (tokens, start) => {
    const T = tokens.length / B;
    const fed = { tokens, positions: new Int32Array(B).fill(start) };
    return f32Of(interpreter.run(graph, { B, T, S: start + T }, fed).get('logits')!);
  };
}

function onTarget(graph: Graph, target: Target, { sequences: B }: Shape): Run {
  const lowered = lowerGraph(graph, target);
  const device = target.open({});
  return (tokens, start) => {
    const T = tokens.length / B;
    const dims = target.bucket({ B, T, S: start + T });
    const fed = { tokens, positions: new Int32Array(B).fill(start) };
    return device.run(compileLowered(lowered, target, dims), fed).logits;
  };
}

function requireSame(graph: Graph, shape: Shape, tolerance: number, random: Random): void {
  const right = judge(graph, shape);
  const runs = EMITTERS.map((emitter) => {
    const target = cpuTarget({ emitter, threads: shape.threads, workOfPart: 512 });
    return { emitter, run: onTarget(graph, target, shape) };
  });
  let start = 0;
  for (const count of shape.steps) {
    const tokens = Int32Array.from({ length: count * shape.sequences }, () =>
      random.int(VOCABULARY),
    );
    const required = right(tokens, start);
    for (const { emitter, run } of runs) {
      const error = difference(run(tokens, start), required);
      assert.ok(error < tolerance, `${emitter}: ${error} at ${start} of ${JSON.stringify(shape)}`);
    }
    start += count;
  }
}

for (const seed of portion([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 3)) {
  test(`a layer of random widths ${seed}: every emitter gives what the interpreter gives`, () => {
    const random = new Random(seed);
    const shape = randomShape(random, 1);
    requireSame(layerOf(shape), shape, 1e-4, random);
  });
}

for (const [i, format] of PANEL_NAMES.entries()) {
  test(`a layer of random widths in ${format}: nearly what the interpreter gives`, () => {
    const random = new Random(100 + i);
    const shape = randomShape(random, INTEGER_FORMATS[format].stored.columns);
    requireSame(quantizedGraph(layerOf(shape), format), shape, 0.05, random);
  });
}
