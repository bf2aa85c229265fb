/** The generated text in Verilator, cycle by cycle, and before the judgement of Yosys and Icarus. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { casesModule, OPERATOR_CASES } from '../../test/hdl/operatorCases.ts';
import { randomHierarchy, randomCircuit, randomStimuli } from '../../test/hdl/randomCircuit.ts';
import { missing, runTool, writeModule } from '../../test/rtl/tools.ts';
import { buildWithVerilator, simulate } from '../../test/rtl/verilator.ts';
import { counter } from './examples/counter.ts';
import { creditQueue } from './examples/creditQueue.ts';
import { dotProduct } from './examples/dotProduct.ts';
import { registerFile } from './examples/registerFile.ts';
import { defineModule, indexWidth } from './module.ts';
import type { Module, Signal } from './signal.ts';

/** One module with an instance of each and all their ports, so that one build serves all. */
function together(name: string, modules: readonly Module[]): Module {
  const prefixed = (k: number, port: string): string => `m${k}_${port}`;
  const ports = (side: 'inputs' | 'outputs'): Record<string, number> =>
    Object.fromEntries(
      modules.flatMap((module, k) =>
        Object.entries(module[side]).map(([port, { width }]) => [prefixed(k, port), width]),
      ),
    );
  return defineModule({
    name,
    inputs: ports('inputs'),
    outputs: ports('outputs'),
    body(inputs, m) {
      const outputs: Record<string, Signal> = {};
      for (const [k, module] of modules.entries()) {
        const own = Object.keys(module.inputs).map((port) => [port, inputs[prefixed(k, port)]]);
        const results = m.instance(`u${k}`, module, Object.fromEntries(own));
        for (const [port, signal] of Object.entries(results)) outputs[prefixed(k, port)] = signal;
      }
      return outputs;
    },
  });
}

function makeOperators(random: Random): Module[] {
  return Object.values(OPERATOR_CASES).map((make, i) => {
    const cases = Array.from({ length: 12 }, () => make(random));
    return casesModule(`operators_${i}`, cases);
  });
}

function makeCircuits(random: Random): Module[] {
  return [
    ...Array.from({ length: 8 }, (_, i) => randomCircuit(random, `circuit_${i}`)),
    ...Array.from({ length: 1 }, (_, i) => randomHierarchy(random, `hierarchy_${i}`)),
  ];
}

/** The queue with a sender that spends only the credits it has, and a receiver that may wait. */
function creditLoop(depth: number, width: number): Module {
  return defineModule({
    name: 'credit_loop',
    inputs: { send: 1, data: width, ready: 1 },
    outputs: { sent: 1, valid: 1, popData: width },
    body({ send, data, ready }, m) {
      const credits = m.register('credits', indexWidth(depth) + 1, { reset: depth });
      const push = send.and(credits.reduceOr());
      const pop = m.wire('pop', 1);
      const queue = m.instance('queue', creditQueue(depth, width), { push, pushData: data, pop });
      pop.set(ready.and(queue.valid));
      const change = push.mux(-1, credits.constant(1));
      credits.set(credits.add(change), push.xor(queue.credit));
      return { sent: push, valid: queue.valid, popData: queue.popData };
    },
  });
}

interface Case {
  readonly top: Module;
  readonly what: string;
  readonly ignored: readonly string[];
}

const examples = [counter(8), dotProduct(4), registerFile(8, 40), creditLoop(4, 8), rom()];
const CASES: readonly Case[] = [
  { top: together('examples', examples), what: 'the examples', ignored: [] },
  {
    top: together('operators', makeOperators(new Random(7))),
    what: 'every operator on many widths',
    ignored: ['UNUSEDSIGNAL'], // a part of a signal is what slices are for
  },
  {
    top: together('circuits', makeCircuits(new Random(8))),
    what: 'random circuits',
    ignored: ['UNSIGNED', 'CMPCONST'], // what is drawn at random may never be less
  },
];

/** A table that also has a write port, and is kept whole by the tools. */
function rom(): Module {
  return defineModule({
    name: 'squares',
    keepHierarchy: true,
    inputs: { address: 3, data: 6, write: 1 },
    outputs: { square: 6 },
    body: ({ address, data, write }, m) => ({
      square: m.memory('squares', {
        words: 8,
        width: 6,
        init: [0, 1, 4, 9, 16, 25, 36, 49],
        read: { address },
        write: { address, data, enable: write },
      }),
    }),
  });
}

for (const { top, what, ignored } of CASES) {
  test(`Verilator runs ${what} as the simulator does`, { skip: missing('verilator') }, (t) => {
    const run = buildWithVerilator(t, top, ...ignored);
    const stimuli = randomStimuli(new Random(9), top, 300);
    const [actual, expected] = [run(stimuli), simulate(top, stimuli)];
    for (const [cycle, outputs] of expected.entries()) {
      for (const [port, value] of Object.entries(outputs)) {
        assert.equal(actual[cycle][port], value, `${top.name}: ${port} in cycle ${cycle}`);
      }
    }
  });

  test(`Yosys finds no fault in ${what}`, { skip: missing('yosys') }, (t) => {
    const { folder, files } = writeModule(t, top);
    const read = `read_verilog -sv ${files.join(' ')}`;
    const script = `${read}; hierarchy -check -top ${top.name}; proc; check -assert`;
    runTool('yosys', folder, '-q', '-p', script);
  });

  test(`Icarus finds no fault in ${what}`, { skip: missing('iverilog') }, (t) => {
    const { folder, files } = writeModule(t, top);
    runTool('iverilog', folder, '-g2012', '-Wall', '-s', top.name, '-o', 'out', ...files);
  });
}

test(
  'Verilator stops at an assertion, named, as the simulator does',
  { skip: missing('verilator') },
  (t) => {
    const queue = creditQueue(2, 4);
    const run = buildWithVerilator(t, queue);
    const push = { push: 1n, pushData: 3n, pop: 0n };
    const stimuli = [push, push, push].map((inputs) => ({ reset: false, inputs }));
    const stopped = /push_on_credit/;
    assert.equal(run(stimuli.slice(1)).length, 2);
    assert.throws(() => run(stimuli), stopped);
    assert.throws(() => simulate(queue, stimuli), stopped);
  },
);
