/** The core and the chip on AXI in the tools: clean to both, and in Verilator what the cycle simulator says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missing, runTool, writeModule } from '../../../../../test/rtl/tools.ts';
import type { Stimulus } from '../../../../../test/hdl/randomCircuit.ts';
import { buildWithVerilator } from '../../../../../test/rtl/verilator.ts';
import { Random } from '../../../../base/index.ts';
import { parseChip, type Chip } from '../../../../chip/index.ts';
import nano from '../../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { randomProgram } from '../../sim/randomProgram.ts';
import { runCore, type Core } from './coreRun.ts';
import { jadeCore } from './jadeCore.ts';
import { jadeTop } from './jadeTop.ts';

const TINY = parseChip(
  {
    ...nano,
    scratchpad: { sizeBytes: 8192, banks: 8 },
    accumulator: { sizeBytes: 2048, banks: 2 },
    control: { sizeBytes: 1024 },
  },
  'tiny',
);

/** Parts of signals are what slices are for, so that they are not used is no warning. */
const LINT = ['--lint-only', '-Wall', '-Wno-UNUSEDSIGNAL'];

test('the chip on AXI is clean', { skip: missing('verilator', 'yosys') }, (t) => {
  const top = jadeTop(nano as Chip);
  const { folder, files } = writeModule(t, top);
  runTool('verilator', folder, ...LINT, '--top-module', top.name, ...files);
  const read = `read_verilog -sv ${files.join(' ')}; hierarchy -check -top ${top.name}`;
  runTool('yosys', folder, '-q', '-e', '.*', '-p', `${read}; proc; check -assert`);
});

/** The name of a port in the text. */
function snakeCase(port: string): string {
  return port.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** What goes into the core in each cycle of a random program of transfers, and what comes out. */
function record(
  module: ReturnType<typeof jadeCore>,
  seed: number,
): { stimuli: Stimulus[]; expected: Readonly<Record<string, bigint>>[] } {
  const stimuli: Stimulus[] = [];
  const expected: Readonly<Record<string, bigint>>[] = [];
  const read = (core: Core, ports: object): Record<string, bigint> =>
    Object.fromEntries(
      Object.keys(ports).map((port) => [port, core.probe(snakeCase(port)).read()]),
    );
  const watch = (core: Core): void => {
    core.observe((cycle) =>
      stimuli.push({ reset: cycle === 0, inputs: read(core, module.inputs) }),
    );
    const { step } = core;
    core.step = (inputs) => {
      const outputs = step.call(core, inputs);
      expected.push(outputs);
      return outputs;
    };
  };
  const opcodes = ['load', 'load', 'gather', 'store', 'store'] as const;
  const options = { length: 30, opcodes, prologue: 'by transfers' as const };
  const drawn = randomProgram(new Random(seed), TINY, options);
  runCore(module, TINY, drawn.program, drawn, 50_000, watch);
  return { stimuli, expected };
}

test(
  'Verilator and the cycle simulator agree in every cycle',
  { skip: missing('verilator') },
  (t) => {
    const module = jadeCore(TINY);
    const run = buildWithVerilator(t, module, 'UNUSEDSIGNAL');
    for (const seed of [1, 2, 3]) {
      const { stimuli, expected } = record(module, seed);
      const given = run(stimuli);
      assert.ok(given.length > 1000);
      for (const [cycle, outputs] of given.entries())
        assert.deepEqual(outputs, expected[cycle], `seed ${seed}, cycle ${cycle}`);
    }
  },
);
