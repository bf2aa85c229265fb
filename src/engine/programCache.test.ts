import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Program, Schedule, Target } from '../compile/index.ts';
import { makeNode, tensor, type Graph } from '../ir/index.ts';
import { ProgramCache } from './programCache.ts';

const tokens = makeNode('input', [], { name: 'tokens', type: tensor('i32', ['B', 'T']) });
const table = makeNode('weight', [], { name: 'table', type: tensor('f32', [8, 32]) });
const source = { name: 'table', shape: [8, 32], load: () => new Float32Array(8 * 32) };
const GRAPH: Graph = {
  name: 'rows',
  outputs: new Map([['logits', makeNode('embedding', [tokens, table], {})]]),
  states: new Map(),
  weights: new Map([['table', source]]),
};

/** A target of empty programs, which counts what it is asked. */
class CountingTarget implements Target {
  readonly name = 'counting';
  readonly passes = [];
  readonly compiled: number[] = [];
  asked = 0;

  supports(): { readonly ok: true } {
    this.asked++;
    return { ok: true };
  }

  bucket<D>(dims: D): D {
    return dims;
  }

  maxTokens(): number {
    return 4096;
  }

  schedule(_: unknown, graph: Graph, dims: Schedule['dims']): Schedule {
    return { graph, dims, buffers: [], regions: [] };
  }

  emit({ graph, dims }: Schedule): Program {
    this.compiled.push(dims.T);
    const text = (): string => '';
    return {
      target: this.name,
      dims,
      graph,
      hash: '',
      sizeBytes: 0,
      listing: text,
      memoryMap: text,
    };
  }

  open(): never {
    throw new Error('nothing runs here');
  }
}

test('a length that comes again is compiled once, and of very many the longest unused are forgotten', () => {
  const target = new CountingTarget();
  const programs = new ProgramCache(GRAPH, target);
  const program = (T: number): Program => programs.program({ B: 1, T, S: 4096 });
  const first = program(1);
  assert.equal(program(1), first);
  for (let T = 2; T <= 1000; T++) {
    program(T);
    assert.equal(program(1), first, 'what is used stays');
  }
  assert.equal(target.compiled.length, 1000);
  program(1000);
  assert.equal(target.compiled.length, 1000);
  program(2);
  assert.equal(target.compiled.length, 1001);
});

test('whether the target has all ops is asked once, not for each length', () => {
  const target = new CountingTarget();
  const programs = new ProgramCache(GRAPH, target);
  programs.program({ B: 1, T: 1, S: 64 });
  const { asked } = target;
  programs.program({ B: 1, T: 2, S: 64 });
  assert.equal(target.asked, asked);
  assert.ok(asked > 0);
});
