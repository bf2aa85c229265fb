/** Steps that go on while the engine does other things: what it asks of the device meanwhile, and of which sizes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Device, StepResult } from '../src/compile/index.ts';
import { Engine, lookupDrafts, type EngineOptions } from '../src/engine/index.ts';
import type { Graph } from '../src/ir/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { serveAll } from './serving.ts';
import { alone, requireEmpty, serveAtRandom } from './servingAtRandom.ts';
import { smallModel, VOCABULARY } from './smallModel.ts';

const CONTEXT = 48;
const ROWS = smallModel('rows');
const REPLACED = smallModel('replaced');

/** A device that begins steps, refuses all else until they end, and spoils what it gave as the next one begins. */
class Beginner {
  /** Sequences of each step. */
  readonly batches: number[] = [];
  /** Tokens of each, for one sequence. */
  readonly lengths: number[] = [];
  readonly device: Device;
  #isBusy = false;
  #given: StepResult | undefined;

  constructor(inner: Device) {
    const free = <A extends unknown[], R>(work: (...args: A) => R): ((...args: A) => R) => {
      return (...args) => {
        assert.equal(this.#isBusy, false, 'nothing is asked of a device that runs a step');
        return work(...args);
      };
    };
    this.device = {
      run: () => assert.fail('steps are begun'),
      begin: free((program, inputs) => {
        this.#given?.logits.fill(NaN);
        this.#given?.next.fill(-1);
        this.batches.push(inputs.positions.length);
        this.lengths.push(inputs.tokens.length / inputs.positions.length);
        this.#isBusy = true;
        return () => {
          this.#isBusy = false;
          return (this.#given = inner.run(program, inputs));
        };
      }),
      snapshot: free((slot) => inner.snapshot!(slot)),
      restore: free((slot, snapshot) => inner.restore!(slot, snapshot)),
      saveRows: free((slot, from, to) => inner.saveRows(slot, from, to)),
      loadRows: free((slot, rows) => inner.loadRows(slot, rows)),
      reset: () => inner.reset(),
      close: () => inner.close(),
    };
  }
}

function open(
  graph: Graph,
  options: Partial<EngineOptions>,
): Pick<Beginner, 'batches' | 'lengths'> & { engine: Engine } {
  const target = referenceTarget();
  const { device, batches, lengths } = new Beginner(target.open({}));
  const limits = { contextTokens: CONTEXT, blockTokens: 4 };
  return { engine: new Engine(graph, target, device, { ...limits, ...options }), batches, lengths };
}

for (const graph of [ROWS, REPLACED]) {
  test(`${graph.name}: nothing is asked of the device during a step, and results are read before the next`, () => {
    const required = alone(graph, referenceTarget(), CONTEXT);
    const crowded = { maxSequences: 6, blocks: 14, snapshots: 8 };
    for (const drafts of [undefined, lookupDrafts(1, 3)]) {
      const guesses = drafts && { drafts, draftSequences: 5 };
      const { engine } = open(graph, { ...crowded, ...guesses });
      serveAtRandom(engine, required, 300);
      assert.ok(engine.status().preemptions > 0);
      requireEmpty(engine);
    }
  });
}

test('threads that run a step while requests come and go give each what it gets alone', (t) => {
  const target = cpuTarget({ threads: 2, workOfPart: 64 });
  const device = target.open({});
  t.after(() => device.close());
  const limits = { contextTokens: CONTEXT, blockTokens: 4, maxSequences: 12, blocks: 40 };
  const engine = new Engine(ROWS, target, device, limits);
  serveAtRandom(engine, alone(ROWS, target, CONTEXT), 300);
  requireEmpty(engine);
});

test('the next token is on its way when a step has returned', () => {
  const { engine, batches } = open(ROWS, {});
  engine.add({ id: 'a', prompt: [1, 2, 3], maxNewTokens: 2, eosTokenIds: [] });
  const kindsOfStep = (): string[] => engine.step().map(({ kind }) => kind);
  assert.deepEqual(kindsOfStep(), []);
  assert.equal(batches.length, 1, 'the prompt');
  assert.deepEqual(kindsOfStep(), ['token']);
  assert.equal(batches.length, 2, 'the token after it');
  assert.deepEqual(kindsOfStep(), ['token', 'finished']);
  assert.equal(batches.length, 2);
});

test('batches are of few sizes, where rows are all that a slot has', () => {
  const visits = Array.from({ length: 16 }, (_, i) => ({
    ...{ id: `${i}`, prompt: [i, 1, 2], maxNewTokens: 3 + i, atStep: 0 },
  }));
  const sizes = (graph: Graph): number[] => {
    const { engine, batches } = open(graph, { maxSequences: 13 });
    const required = alone(graph, referenceTarget(), CONTEXT);
    for (const [id, { chosen }] of serveAll(engine, visits)) {
      const { prompt, maxNewTokens } = visits[Number(id)]!;
      const tokens = chosen.map(({ token }) => token);
      assert.deepEqual(tokens, required(prompt, maxNewTokens), id);
    }
    return [...new Set(batches)].toSorted((a, b) => b - a);
  };
  // 13 are all that there are.
  assert.deepEqual(sizes(ROWS), [13, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1]);
  assert.deepEqual(sizes(REPLACED), [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
});

test('what fills a batch up leaves a prompt beside it as it is read', () => {
  const { engine, batches } = open(ROWS, { stepTokens: 14 });
  const long = Array.from({ length: 40 }, (_, i) => (i * 7 + 5) % VOCABULARY);
  const visits = Array.from({ length: 10 }, (_, i) => ({
    ...{ id: `${i}`, prompt: [i, 1, 2], maxNewTokens: 20, atStep: 0 },
    ...(i === 9 && { prompt: long, maxNewTokens: 8, atStep: 2 }),
  }));
  const served = serveAll(engine, visits, VOCABULARY);
  const single = serveAll(open(ROWS, { maxSequences: 1 }).engine, visits, VOCABULARY);
  for (const { id } of visits) assert.deepEqual(served.get(id)!.chosen, single.get(id)!.chosen, id);
  assert.ok(batches.includes(10) && !batches.includes(9));
});

test('prompts are cut by the tokens of a step, not by what others have left of them', () => {
  const { engine, lengths } = open(ROWS, { stepTokens: 10 });
  const prompt = (first: number, length: number): number[] => [
    first,
    ...Array<number>(length - 1).fill(1),
  ];
  serveAll(
    engine,
    [7, 40, 7, 9, 40].map((length, i) => ({
      ...{ id: `${i}`, prompt: prompt(i, length), maxNewTokens: 6, atStep: 0 },
    })),
  );
  assert.deepEqual([...new Set(lengths)].toSorted(), [1, 7, 8, 9]);
});
