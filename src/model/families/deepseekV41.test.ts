import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { FormatError, UsageError } from '../../base/index.ts';
import {
  f32Of,
  floatNumerics,
  Interpreter,
  parseGraph,
  printGraph,
  typeToString,
  verify,
} from '../../ir/index.ts';
import { parseModelConfig } from '../checkpoint/config.ts';
import { buildGraph } from '../model.ts';
import { loadModel } from '../model.node.ts';
import type { WeightReader } from './builder.ts';

const FOLDER = path.join(import.meta.dirname, '../../../test/golden/deepseek-v4.1-shared');
const MODEL = loadModel(FOLDER);
const GRAPH = MODEL.graph({ logits: 'last' });
const V = 1152;
const PROMPT = Int32Array.from({ length: 90 }, (_, i) => (i * 331 + 3) % V);

function feed(interpreter: Interpreter, tokens: Int32Array, position: number): Float32Array {
  const fed = { tokens, positions: Int32Array.of(position) };
  const results = interpreter.run(GRAPH, { B: 1, T: tokens.length, S: 128 }, fed);
  return Float32Array.from(f32Of(results.get('logits')!));
}

const logitsAfter = (count: number): Float32Array =>
  feed(new Interpreter(floatNumerics), PROMPT.subarray(0, count), 0);

test('the graph keeps the rules of the IR, and its text form is exact', () => {
  verify(GRAPH);
  assert.equal(printGraph(parseGraph(printGraph(GRAPH))), printGraph(GRAPH));
});

test('sequences of a batch with unequal lengths do not touch each other', () => {
  const interpreter = new Interpreter(floatNumerics);
  const reversed = PROMPT.toReversed();
  const step = (first: number, second: number, T: number): Float32Array => {
    const parts = [PROMPT.subarray(first, first + T), reversed.subarray(second, second + T)];
    const fed = {
      tokens: Int32Array.from(parts.flatMap((part) => [...part])),
      positions: Int32Array.of(first, second),
    };
    return f32Of(interpreter.run(GRAPH, { B: 2, T, S: 128 }, fed).get('logits')!);
  };
  step(0, 0, 21);
  step(21, 0, 40); // the second sequence starts again
  assert.deepEqual(step(61, 40, 5).subarray(0, V), logitsAfter(66));
});

test('a snapshot of window, compressor and last tokens comes back exactly', () => {
  const interpreter = new Interpreter(floatNumerics);
  feed(interpreter, PROMPT.subarray(0, 41), 0);
  const snapshot = interpreter.snapshot();
  feed(interpreter, PROMPT.toReversed().subarray(0, 9), 41);
  interpreter.restore(snapshot);
  assert.deepEqual(feed(interpreter, PROMPT.subarray(41, 60), 41), logitsAfter(60));
});

test('tables by n-gram too large to keep are read by row, with the same bits', () => {
  const whole = (): never => assert.fail('a table must not be read whole');
  const weights = [...GRAPH.weights].map(([name, source]) => {
    return [
      name,
      name.endsWith('engram.embed.weight') ? { ...source, load: whole } : source,
    ] as const;
  });
  const graph = { ...GRAPH, weights: new Map(weights) };
  const fed = { tokens: PROMPT.subarray(0, 9), positions: Int32Array.of(0) };
  const logits = (keptBytes: number): Float32Array => {
    const interpreter = new Interpreter(floatNumerics, keptBytes);
    return f32Of(interpreter.run(graph, { B: 1, T: 9, S: 16 }, fed).get('logits')!);
  };
  assert.deepEqual(logits(0), logitsAfter(9));
  assert.throws(() => logits(2 ** 30), /read whole/);
});

test('few layers keep entries for all, and layers with memory the last tokens', () => {
  const types = [...GRAPH.states].map(
    ([name, { inputs }]) => `${name} ${typeToString(inputs[0]!.type)}`,
  );
  const windows = [0, 1, 2, 3, 4, 5].map((i) => `layers.${i}.window f32[B,16,1,32]`);
  const required = [
    ...windows,
    'layers.1.entries f32[B,S,1,32]',
    'layers.1.index f32[B,S,1,32]',
    'layers.1.recent f32[B,1,64]',
    'layers.1.tokens f32[B,3]',
    'layers.2.tokens f32[B,3]',
    'layers.3.entries f32[B,S,1,32]',
    'layers.3.index f32[B,S,1,32]',
  ];
  assert.deepEqual(types.toSorted(), required.toSorted());
});

/** Builds and runs the model with changed fields and parts of its reader. */
function runChanged(fields: object, reader: Partial<WeightReader>): void {
  const { checkpoint } = MODEL;
  const changed = parseModelConfig({ ...checkpoint.config, ...fields });
  const weights: WeightReader = {
    has: (name) => checkpoint.has(name),
    requireWeight: (...weight) => checkpoint.requireWeight(...weight),
    readF32: (...weight) => checkpoint.readF32(...weight),
    ...reader,
  };
  const fed = { tokens: Int32Array.of(5), positions: Int32Array.of(0) };
  const graph = buildGraph(changed, weights, { logits: 'last' });
  new Interpreter(floatNumerics).run(graph, { B: 1, T: 1, S: 4 }, fed);
}

test('tables that n-grams would miss are refused: without tokenizer, with other classes or rows', () => {
  const { tokenizer } = MODEL;
  runChanged({}, { tokenizer });
  assert.throws(
    () => runChanged({}, {}),
    (error) => error instanceof UsageError && /must have its tokenizer/.test(error.message),
  );
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ engram_compressed_vocab_size: 1100 }, /tokenizer must have 1100 classes of at most 1152/],
    [{ engram_num_embeddings: [10, 20] }, /add up to its rows, \d+, not 10/],
  ];
  for (const [fields, message] of wrong) {
    assert.throws(
      () => runChanged(fields, { tokenizer }),
      (error) => error instanceof FormatError && message.test(error.message),
    );
  }
});
