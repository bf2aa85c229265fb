import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goldenGraph } from '../../../test/golden.ts';
import { CapacityError, UsageError } from '../../base/index.ts';
import { compileLowered, lowerGraph, type Program } from '../../compile/index.ts';
import { makeNode, tensor, type Dims, type Graph, type Node } from '../../ir/index.ts';
import { Trace } from '../../trace/index.ts';
import { cpuTarget } from './target.ts';

const qwen3 = lowerGraph(goldenGraph('qwen3-tiny', 'naive'), cpuTarget());

function compileFor(dims: Partial<Dims>, graph: Graph = qwen3): Program {
  return compileLowered(graph, cpuTarget(), { B: 1, T: 1, S: 64, ...dims });
}

function fed(tokens: number[], positions: number[] = [0]) {
  return { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
}

/** Logits (m, 0): the mean m of 1 + token over the tokens so far, by attention to all of them alike. */
function runningMean(name = 'mean'): Graph {
  const input = (which: 'tokens' | 'position', shape: ('B' | 'T')[]): Node =>
    makeNode('input', [], { name: which, type: tensor('i32', shape) });
  const weight = (weightName: string, shape: number[]): Node =>
    makeNode('weight', [], { name: weightName, type: tensor('f32', shape) });
  const position = input('position', ['B']);
  const table = weight(`${name}.table`, [4, 2]);
  const rows = makeNode('embedding', [input('tokens', ['B', 'T']), table], {});
  const heads = makeNode('splitHeads', [rows], { heads: 1 });
  const state = makeNode('state', [], { name, type: tensor('f32', ['B', 'S', 1, 2]) });
  const append = makeNode('append', [state, heads, position], {});
  const zero = makeNode('linear', [heads, weight(`${name}.zero`, [2, 2])], {});
  const inputs = [zero, append, append, position];
  const logits = makeNode('attention', inputs, { scale: 1, valueWidth: 2 });
  const values = [Float32Array.of(1, 0, 2, 0, 3, 0, 4, 0), new Float32Array(4)] as const;
  const source = (part: string, shape: number[], value: Float32Array) =>
    [`${name}.${part}`, { name: `${name}.${part}`, shape, load: () => value }] as const;
  return {
    name,
    outputs: new Map([
      ['logits', logits],
      ['next', makeNode('argMax', [logits], {})],
    ]),
    states: new Map([[name, append]]),
    weights: new Map([source('table', [4, 2], values[0]), source('zero', [2, 2], values[1])]),
  };
}

test('context is rounded up to multiples of 64, up to the most there may be', () => {
  assert.deepEqual(cpuTarget().bucket({ B: 3, T: 7, S: 65 }), { B: 3, T: 7, S: 128 });
  const target = cpuTarget({ contextTokens: 100 });
  assert.deepEqual(target.bucket({ B: 1, T: 1, S: 64 }), { B: 1, T: 1, S: 64 });
  assert.deepEqual(target.bucket({ B: 1, T: 1, S: 65 }), { B: 1, T: 1, S: 100 });
  assert.throws(() => target.bucket({ B: 1, T: 1, S: 101 }), {
    name: 'CapacityError',
    message: 'a sequence must have at most 100 tokens of context, not 101',
    hint: 'shorten the text, or give the target a larger contextTokens',
  });
  for (const contextTokens of [0, 1.5, NaN]) {
    assert.throws(() => cpuTarget({ contextTokens }), UsageError);
  }
});

test('the same graph and dims give the same program, others another', () => {
  const program = compileFor({});
  assert.equal(compileFor({}).hash, program.hash);
  assert.match(program.hash, /^[0-9a-f]{64}$/);
  for (const dims of [{ B: 2 }, { T: 2 }, { S: 128 }]) {
    assert.notEqual(compileFor(dims).hash, program.hash);
  }
  assert.ok(program.sizeBytes < 200_000);
});

test('the listing shows steps with their arguments, the map the buffers by address', () => {
  const program = compileFor({}, runningMean());
  const listing = program.listing().replaceAll(/@\d+/g, '@');
  assert.equal(
    listing,
    `; cpu B=1 T=1 S=64, 5 steps in 4 rounds
; the host writes tokens=@ positions=@
   0  embedding tokens=@ table=weight(mean.table) out=@ rows=1 D=2
   1  append x=@ positions=@ state=state(mean) B=1 T=1 capacity=capacity size=2
   1  linear x=@ xStride=2 w=weight(mean.zero) wStride=2 out=@ outStride=2 M=1 N=2 K=2
   2  attention q=@ keys=state(mean) values=state(mean) positions=@ first=0 tileTokens=1 scores=scratch scoreStride=64 qStep=2 keyStep=2 valueStep=2 out=@ outStep=2 B=1 T=1 G=1 shared=1 capacity=capacity keyWidth=2 valueStride=2 valueWidth=2 scale=1
   3  argMax x=@ out=@ rows=1 size=2
`,
  );
  const map = program.memoryMap();
  assert.match(map, /^; arena of \d+ bytes: address, bytes, rounds, buffer\n/);
  assert.match(map, /^ +\d+ +8 {2}0\.\.1 {6}embedding$/m);
  assert.match(map, /^ +\d+ +8 {2}2\.\.end {4}attention$/m);
});

/** Places and lifetimes of the buffers of a program. */
function buffersOf(program: Program) {
  const lines = program.memoryMap().trimEnd().split('\n').slice(1);
  return lines.map((line) => {
    const [address, size, steps] = line.trim().split(/ +/) as [string, string, string];
    const [first, last] = steps.split('..') as [string, string];
    const end = last === 'end' ? Infinity : Number(last);
    return { from: Number(address), to: Number(address) + Number(size), first: Number(first), end };
  });
}

test('the arena has little more room than what lives at the same time takes', () => {
  for (const dims of [{}, { B: 4 }, { T: 48 }]) {
    const buffers = buffersOf(compileFor(dims));
    const living = buffers.map(({ first: round }) =>
      buffers
        .filter(({ first, end }) => first <= round && round <= end)
        .reduce((sum, { from, to }) => sum + 64 * Math.ceil((to - from) / 64), 0),
    );
    const arena = Math.max(...buffers.map(({ to }) => to));
    const most = Math.max(...living);
    assert.ok(arena <= 1.25 * most, `${arena} bytes, where ${most} live at the same time`);
  }
});

test('buffers that are alive at the same time do not overlap', () => {
  const buffers = buffersOf(compileFor({ B: 2, T: 3 }));
  assert.ok(buffers.length > 70);
  for (const [i, a] of buffers.entries()) {
    for (const b of buffers.slice(0, i)) {
      const together = a.first <= b.end && b.first <= a.end;
      assert.ok(!together || a.to <= b.from || b.to <= a.from);
    }
  }
});

test('state survives when batch, context or arena grow', () => {
  const graph = runningMean();
  const device = cpuTarget().open();
  const run = (dims: Dims, tokens: number[], positions: number[]): number[] => {
    const { logits } = device.run(compileFor(dims, graph), fed(tokens, positions));
    return [...logits].filter((_, i) => i % 2 === 0);
  };
  assert.deepEqual(run({ B: 1, T: 2, S: 2 }, [0, 2], [0]), [1, 2]);
  assert.deepEqual(run({ B: 2, T: 1, S: 3 }, [1, 3], [2, 0]), [2, 4]);
  assert.deepEqual(run({ B: 2, T: 1, S: 64 }, [1, 1], [3, 1]), [2, 3]);
  assert.deepEqual(run({ B: 1, T: 1, S: 300 }, [1], [4]), [2]);
  run(
    { B: 3, T: 40, S: 400 },
    Array.from({ length: 120 }, () => 0),
    [5, 2, 0],
  );
  assert.deepEqual(run({ B: 2, T: 1, S: 64 }, [2, 3], [3, 3]), [2.25, 2.75]);
});

test('a device that is reset or closed has forgotten its sequences', () => {
  const device = cpuTarget().open();
  const program = compileFor({}, runningMean());
  for (const forget of [() => device.reset(), () => device.close()]) {
    device.run(program, fed([3], [0]));
    forget();
    // Position 0 is what was never written: zeros.
    assert.equal(device.run(program, fed([3], [1])).logits[0], 2);
  }
});

test('a device without a program can be reset and closed', () => {
  const device = cpuTarget().open();
  device.reset();
  device.close();
});

test('tokens outside the vocabulary, and inputs of another size, are refused', () => {
  const device = cpuTarget().open();
  const program = compileFor({ T: 2 });
  for (const token of [-1, 8192]) {
    assert.throws(() => device.run(program, fed([0, token])), {
      name: 'UsageError',
      message: `token must be an id from 0 to 8191, not ${token}`,
      where: 'token 1',
    });
  }
  const sizes = /a step of 1 × 2 tokens must have as many, and 1 positions, not/;
  assert.throws(() => device.run(program, fed([0])), sizes);
  assert.throws(() => device.run(program, fed([0, 0], [0, 0])), sizes);
});

test('positions outside the context of the program are refused', () => {
  const device = cpuTarget().open();
  const program = compileFor({ T: 2 });
  for (const start of [-1, 63]) {
    assert.throws(() => device.run(program, fed([0, 0], [start])), {
      name: 'CapacityError',
      message: `context must hold positions ${start} to ${start + 1}, but has 64`,
      where: 'sequence 0',
    });
  }
  device.run(program, fed([0, 0], [62]));
});

test('programs of another target or model are refused', () => {
  const device = cpuTarget().open();
  device.run(compileFor({}, runningMean()), fed([1]));
  assert.throws(() => device.run(compileFor({}, runningMean('other')), fed([1])), {
    name: 'UsageError',
    message: 'a device must run programs of one model, not one that has other.table too',
    hint: 'open another device',
  });
  const foreign = { target: 'jade' } as Program;
  assert.throws(() => device.run(foreign, fed([1])), /for the cpu target, not for jade/);
});

test('what does not fit into 32-bit addresses is refused before weights are loaded', () => {
  const graph = runningMean();
  const device = cpuTarget().open();
  assert.throws(() => device.run(compileFor({ S: 2 ** 29 }, graph), fed([1])), {
    name: 'CapacityError',
    message:
      /^weights \(128 bytes\), state of 1 × 536870912 tokens \(4294967296 bytes\) and activations \(\d+ bytes\) must fit in the 4294901760 bytes of a 32-bit memory, not be \d+$/,
    hint: 'use a shorter context, fewer sequences or tokens a step, or a smaller model',
  });
  assert.equal(device.run(compileFor({}, graph), fed([1])).logits[0], 2);

  const table = { ...graph.weights.get('mean.table')!, shape: [2 ** 29, 2] };
  const large = { ...table, load: () => assert.fail('loaded') };
  const weights = new Map([...graph.weights, ['mean.table', large]]);
  const program = compileFor({}, { ...graph, weights });
  assert.throws(
    () =>
      cpuTarget()
        .open()
        .run(program, fed([1])),
    CapacityError,
  );
});

test('addresses beyond 2 GiB are as good as others', (t) => {
  const device = cpuTarget().open();
  // State of 2 GiB before the arena; untouched pages take no memory.
  const program = compileFor({ T: 2, S: 2 ** 28 }, runningMean());
  try {
    assert.deepEqual([...device.run(program, fed([1, 3])).logits], [2, 0, 3, 0]);
  } catch (error) {
    if (!(error instanceof CapacityError)) throw error;
    t.skip('the host refuses 3 GiB of addresses');
  }
});

test('a weight that cannot be read leaves the device as it was', () => {
  const graph = runningMean();
  const weights = new Map(graph.weights);
  let broken = true;
  const { load, ...rest } = weights.get('mean.zero')!;
  weights.set('mean.zero', {
    ...rest,
    load: () => (broken ? assert.fail('unreadable') : load()),
  });
  const device = cpuTarget().open();
  const program = compileFor({}, { ...graph, weights });
  assert.throws(() => device.run(program, fed([1])), /unreadable/);
  broken = false;
  assert.equal(device.run(program, fed([1])).logits[0], 2);
});

test('a trace has an event for each chunk, on the track of its thread', () => {
  for (const threads of [1, 2]) {
    const trace = new Trace({ clockHz: 1e9 });
    const device = cpuTarget({ threads }).open({ trace });
    const program = compileFor({}, runningMean());
    device.run(program, fed([1]));
    device.run(program, fed([1], [1]));
    const names = trace.events.map(({ name }) => name);
    const once = ['embedding', 'append', 'linear', 'attention', 'argMax'];
    assert.deepEqual(names, [...once, ...once]);
    const tracks = new Set(trace.events.map(({ track }) => track));
    assert.ok(tracks.size <= threads);
    for (const track of tracks) assert.match(track, /^cpu thread [12]$/);
    for (const { durationCycles } of trace.events) assert.ok(durationCycles >= 0);
    assert.ok(trace.originCycles > 0);
    device.close();
  }
});
