import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goldenGraph, readGolden, type GoldenCase } from '../../../test/golden.ts';
import { quantizedGraph } from '../../../test/quantizeWeights.ts';
import { argMax, bitsOf, Session } from '../../../test/session.ts';
import { compileLowered, lowerGraph } from '../../compile/index.ts';
import { f32Of, floatNumerics, Interpreter, type Graph } from '../../ir/index.ts';
import { cpuTarget } from './target.ts';

/** Largest difference from the judge, relative to the largest logit (docs/numerics.md). */
const TOLERANCE = 1e-4;

const NAMES = ['qwen3-tiny', 'deepseek-v3-tiny'];

function assertClose(found: Float32Array, required: Float32Array): void {
  const largest = Math.max(...required.map(Math.abs));
  const error = Math.max(...required.map((value, i) => Math.abs(value - found[i]!))) / largest;
  assert.ok(error < TOLERANCE, `logits must be within ${TOLERANCE}, not ${error}`);
}

/** Logits after `tokens`, by the judge, of the graph as it is. */
function judge(graph: Graph, tokens: readonly number[]): Float32Array {
  const dims = { B: 1, T: tokens.length, S: tokens.length };
  const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.of(0) };
  return f32Of(new Interpreter(floatNumerics).run(graph, dims, fed).get('logits')!);
}

for (const name of NAMES) {
  const graph = goldenGraph(name, 'naive');
  const [{ promptTokens, greedyTokens }] = readGolden(name) as [GoldenCase];

  test(`${name}: logits are those of the judge, and the first tokens those of PyTorch`, () => {
    const session = new Session(cpuTarget(), graph);
    const logits = session.feed(promptTokens, promptTokens.length);
    assertClose(logits, judge(graph, promptTokens));
    const found = [argMax(logits)];
    while (found.length < 8) found.push(argMax(session.step(found.slice(-1))));
    assert.deepEqual(found, greedyTokens.slice(0, 8));
  });

  test(`${name}: a prompt in one piece, in chunks and token by token gives the same bits`, () => {
    const tokens = [...promptTokens, ...greedyTokens];
    const session = new Session(cpuTarget(), graph);
    const whole = bitsOf(session.feed(tokens, tokens.length));
    for (const size of [1, 7, 32]) {
      session.reset();
      assert.deepEqual(bitsOf(session.feed(tokens, size)), whole);
    }
  });

  test(`${name}: sequences of a batch at different positions do not see each other`, () => {
    const target = cpuTarget();
    const device = target.open();
    const lowered = lowerGraph(graph, target);
    const short = promptTokens.slice(0, 9);
    const long = promptTokens.slice(0, 20);
    const alone = [short, long].map((tokens) => new Session(target, graph).feed(tokens, 20));
    // The first step feeds both the same number of tokens, the later ones bring them apart: the
    // shorter sequence writes again what it already holds.
    const steps: [number[], number[], number[]][] = [
      [short.slice(0, 9), long.slice(0, 9), [0, 0]],
      [short.slice(4, 9), long.slice(9, 14), [4, 9]],
      [short.slice(3, 9), long.slice(14, 20), [3, 14]],
    ];
    let logits: Float32Array = new Float32Array();
    for (const [a, b, positions] of steps) {
      const program = compileLowered(lowered, target, { B: 2, T: a.length, S: 64 });
      const fed = { tokens: Int32Array.of(...a, ...b), positions: Int32Array.from(positions) };
      ({ logits } = device.run(program, fed));
    }
    const V = logits.length / 2;
    assert.deepEqual(bitsOf(logits.slice(0, V)), bitsOf(alone[0]!));
    assert.deepEqual(bitsOf(logits.slice(V)), bitsOf(alone[1]!));
  });
}

test('the naive form of latent attention gives the logits of the absorbed form', () => {
  const [{ promptTokens }] = readGolden('deepseek-v3-tiny') as [GoldenCase];
  const target = cpuTarget();
  const [naive, absorbed] = (['naive', 'absorbed'] as const).map((form) => {
    const graph = goldenGraph('deepseek-v3-tiny', form);
    const program = compileLowered(graph, target, { B: 1, T: promptTokens.length, S: 64 });
    const fed = { tokens: Int32Array.from(promptTokens), positions: Int32Array.of(0) };
    return target.open().run(program, fed).logits;
  });
  assertClose(naive!, absorbed!);
  assert.notDeepEqual(naive, absorbed);
});

test('threads that each go on alone with some sequences of a batch change no bit', () => {
  const graph = quantizedGraph(goldenGraph('qwen3-tiny', 'naive'), 'Q8_0');
  const B = 13; // for two threads and for three
  const logitsOf = (threads: number): Uint32Array[] => {
    const target = cpuTarget({ threads, workOfPart: 64 });
    const program = compileLowered(lowerGraph(graph, target), target, { B, T: 1, S: 64 });
    const sections = new Set(program.content.steps.map(({ section }) => section));
    assert.equal(sections.size < 10, threads > 1, 'one thread reads weights once for all');
    const device = target.open();
    const found = Array.from({ length: 3 }, (_, i) => {
      const tokens = Int32Array.from({ length: B }, (_, b) => (7 * b + i) % 50);
      const positions = Int32Array.from({ length: B }, (_, b) => i + (b % 4));
      return bitsOf(device.run(program, { tokens, positions }).logits);
    });
    device.close();
    return found;
  };
  const required = logitsOf(1);
  for (const threads of [2, 3]) assert.deepEqual(logitsOf(threads), required);
});
