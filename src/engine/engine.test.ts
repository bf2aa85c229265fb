// A model that counts: after token t the likeliest is t + 1. Its target interprets, counts what it is
// asked to compile, takes at most four tokens a step, and claims ten cycles for each.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device, Program, Target } from '../compile/index.ts';
import {
  f32Of,
  floatNumerics,
  i32Of,
  Interpreter,
  makeNode,
  tensor,
  type Dims,
  type Graph,
  type InterpreterRows,
} from '../ir/index.ts';
import { argMax } from '../../test/session.ts';
import { complete } from './complete.ts';
import { evaluate, logLoss } from './evaluate.ts';
import { generate, type GenerateOptions, type Generation } from './generate.ts';
import { ModelRunner } from './modelRunner.ts';
import { ThroughputBench } from './throughput.ts';

const VOCABULARY = 8;

function countingGraph(rows: 'last' | 'all', largest = 3): Graph {
  const square = [VOCABULARY, VOCABULARY];
  const weight = (name: string) => makeNode('weight', [], { name, type: tensor('f32', square) });
  const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
  const embedded = makeNode('embedding', [tokens, weight('table')], {});
  const kept = rows === 'last' ? makeNode('lastToken', [embedded], {}) : embedded;
  const logits = makeNode('linear', [kept, weight('head')], {});
  const source = (name: string, value: (row: number, column: number) => number) =>
    [
      name,
      {
        name,
        shape: square,
        load: () => Float32Array.from({ length: 64 }, (_, i) => value(i >> 3, i & 7)),
      },
    ] as const;
  return {
    name: 'counting',
    outputs: new Map([
      ['logits', logits],
      ['next', makeNode('argMax', [logits], {})],
    ]),
    states: new Map(),
    weights: new Map([
      source('table', (row, column) => (row === column ? 1 : 0)),
      source('head', (row, column) => (row === (column + 1) % VOCABULARY ? largest : 0)),
    ]),
  };
}

function countingTarget(compiled: Dims[] = []): Target {
  return {
    name: 'counting',
    passes: [],
    supports: () => ({ ok: true }),
    bucket: ({ B, T, S }) => ({ B, T, S: Math.ceil(S / 16) * 16 }),
    maxTokens: () => 4,
    schedule: (_, graph, dims) => ({ graph, dims, buffers: [], regions: [] }),
    emit: ({ graph, dims }) => {
      compiled.push(dims);
      return { target: 'counting', graph, dims } as Program;
    },
    open: () => {
      const interpreter = new Interpreter(floatNumerics);
      return {
        run({ graph, dims }, inputs) {
          const out = interpreter.run(graph, dims, inputs);
          return {
            logits: f32Of(out.get('logits')!),
            next: i32Of(out.get('next')!),
            cycles: 10 * dims.T,
          };
        },
        saveRows: (slot, from, to) => interpreter.saveRows(slot, from, to),
        loadRows: (slot, rows) => interpreter.loadRows(slot, rows as InterpreterRows),
        reset: () => interpreter.reset(),
        close: () => {},
      };
    },
  };
}

function runner(rows: 'last' | 'all' = 'last', contextTokens = 64, compiled?: Dims[]): ModelRunner {
  const target = countingTarget(compiled);
  return new ModelRunner(countingGraph(rows), target, target.open({}), contextTokens);
}

function finish(prompt: number[], options: GenerateOptions, on = runner()): Generation {
  return complete(generate(on, prompt, options));
}

test('greedy generation follows the model until enough tokens are there', () => {
  const { tokens, finishReason } = finish([0, 1, 2], { maxNewTokens: 3 });
  assert.deepEqual(tokens, [3, 4, 5]);
  assert.equal(finishReason, 'length');
});

test('an end token is the last generated', () => {
  const { tokens, finishReason } = finish([1], { maxNewTokens: 9, eosTokenIds: [7, 4] });
  assert.deepEqual(tokens, [2, 3, 4]);
  assert.equal(finishReason, 'stop');
});

test('a full context ends the text', () => {
  const { tokens, finishReason } = finish([0, 1, 2], { maxNewTokens: 9 }, runner('last', 4));
  assert.deepEqual(tokens, [3, 4]);
  assert.equal(finishReason, 'context');
});

test('no token is generated when none is wanted', () => {
  const { tokens, finishReason, prefill } = finish([0, 1], { maxNewTokens: 0 });
  assert.deepEqual([tokens, finishReason, prefill.tokens], [[], 'length', 2]);
});

test('a long prompt is fed in chunks, and each bucket is compiled once', () => {
  const compiled: Dims[] = [];
  const { prefill, decode } = finish(
    [0, 1, 2, 3, 4, 5, 6, 7, 0],
    { maxNewTokens: 4 },
    runner('last', 64, compiled),
  );
  assert.deepEqual([prefill.tokens, prefill.steps, prefill.cycles], [9, 3, 90]);
  assert.deepEqual([decode.tokens, decode.steps, decode.cycles], [3, 3, 30]);
  assert.deepEqual(
    compiled.map(({ T, S }) => [T, S]),
    [
      [4, 16],
      [1, 16],
    ],
  );
});

test('every step is told, prompt first', () => {
  const kinds = [...generate(runner(), [0, 1, 2, 3, 4], { maxNewTokens: 2 })].map(
    ({ kind }) => kind,
  );
  assert.deepEqual(kinds, ['prompt', 'prompt', 'token', 'token']);
});

test('a prompt must have tokens, of the model, that fit the context', () => {
  assert.throws(() => finish([], { maxNewTokens: 1 }), {
    name: 'UsageError',
    message: 'a prompt must have at least one token, not none',
  });
  assert.throws(() => finish([0, 8], { maxNewTokens: 1 }), {
    name: 'UsageError',
    message: 'token ids must be whole numbers from 0 to 7, not 8',
    where: 'the prompt, token 1',
  });
  assert.throws(() => finish([0, 1, 2, 3, 4], { maxNewTokens: 1 }, runner('last', 3)), {
    name: 'CapacityError',
    message: 'the prompt must fit the context of 3 tokens, not have 5',
    hint: 'shorten it by 2 tokens, or use a model with a longer context',
  });
  assert.throws(() => finish([0], { maxNewTokens: -1 }), { name: 'UsageError' });
});

test('logits that are no finite numbers end a text before its first token', () => {
  const target = countingTarget();
  const on = new ModelRunner(countingGraph('last', Infinity), target, target.open({}), 64);
  assert.throws(() => [...generate(on, [0], { maxNewTokens: 1 })], {
    name: 'CeladonError',
    message: /^logits must be finite numbers, not (?:NaN|Infinity)$/,
    where: 'step from token 0',
  });
});

test('an evaluation sums the losses of all but the first token of each document', () => {
  const on = runner('all');
  const steps = evaluate(on, [
    [0, 1, 2, 3, 4, 5],
    [3, 3],
  ]);
  const rows: number[] = [];
  let next = steps.next();
  for (; !next.done; next = steps.next()) rows.push(next.value.step.logits.length / VOCABULARY);
  const right = Math.log(1 + 7 * Math.exp(-3));
  const expected = 5 * right + (3 + right);
  assert.deepEqual(rows, [4, 2, 2]);
  assert.equal(next.value.tokens, 6);
  assert.ok(Math.abs(next.value.negativeLogLikelihood - expected) < 1e-6);
  assert.ok(Math.abs(next.value.perplexity - Math.exp(expected / 6)) < 1e-6);
  assert.equal(next.value.totals.cycles, 80);
});

test('an evaluation needs something to predict', () => {
  assert.throws(() => [...evaluate(runner('all'), [[1], []])], { name: 'UsageError' });
});

test('the loss of a token is exact where logits are far apart', () => {
  assert.equal(logLoss(Float32Array.of(1000, 0), 1), 1000);
  assert.equal(logLoss(Float32Array.of(0, 0), 0), Math.log(2));
});

test('a step of one sequence and of a bench makes no copy of the logits', () => {
  const target = countingTarget();
  const { run, ...others } = target.open({});
  const logits = new Float32Array(VOCABULARY);
  const device: Device = {
    ...others,
    run: () => assert.fail('steps are begun'),
    begin: (program, inputs) => () => {
      const result = run(program, inputs);
      logits.set(result.logits);
      return { ...result, logits };
    },
  };
  const steps = new ModelRunner(countingGraph('last'), target, device, 64).feed([1, 2, 3, 4, 5, 6]);
  for (const step of steps) assert.equal(step.logits, logits);
  assert.equal(argMax(logits), 7);
  const bench = new ThroughputBench(countingGraph('last'), { ...target, open: () => device });
  const test = { promptTokens: 3, generatedTokens: 2, depthTokens: 0, sequences: 1 };
  assert.deepEqual(
    [...bench.samples(test, 2)].map(({ cycles }) => cycles),
    [50, 50],
  );
});
