/** Programs of loads, gathers and stores: simulator and core agree in every byte and every cycle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { parseChip, type Chip } from '../../../../chip/index.ts';
import nano from '../../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import type { Instruction } from '../../isa.table.ts';
import { MAX_POSITION } from '../../sim/randomInstruction.ts';
import { randomProgram, type RandomProgram } from '../../sim/randomProgram.ts';
import { createSimulator } from '../../sim/simulator.ts';
import { completeCore } from '../design.ts';
import { runCore } from './coreRun.ts';
import { jadeCore } from './jadeCore.ts';

const TINY = parseChip(
  {
    ...nano,
    scratchpad: { sizeBytes: 8192, banks: 8 },
    accumulator: { sizeBytes: 2048, banks: 2 },
    control: { sizeBytes: 1024 },
    memory: { ...nano.memory, latencyCycles: 9 },
  },
  'tiny',
);

/** Runs on both; throws at the first difference. */
function compare(chip: Chip, core: ReturnType<typeof jadeCore>, random: RandomProgram): void {
  const { program, memory, positions } = random;
  const simulator = createSimulator(chip, memory.length);
  simulator.memory.set(memory);
  simulator.positions.set(positions);
  const stats = simulator.run(program, { maxPosition: MAX_POSITION, collectCourses: true });
  const run = runCore(core, chip, program, { memory, positions }, 10 * stats.cycles + 1000);
  const shown = (i: number): string => JSON.stringify(program[i] satisfies Instruction | undefined);
  for (const [i, course] of stats.courses!.entries()) {
    assert.deepEqual(run.courses[i], course, `instruction ${i}: ${shown(i)}`);
  }
  assert.equal(run.fault, stats.fault);
  assert.deepEqual(run.memory, simulator.memory);
  assert.deepEqual(run.local, simulator.local);
}

test('random programs of transfers are equal in bytes and cycles', () => {
  const core = jadeCore(TINY);
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed);
    const opcodes = ['load', 'load', 'load', 'gather', 'store', 'store'] as const;
    compare(
      TINY,
      core,
      randomProgram(random, TINY, { length: 40, opcodes, prologue: 'by transfers' }),
    );
  }
});

test('the units of all queues fit into the core', () => {
  const { instances } = completeCore(TINY);
  const names = instances.map(({ name }) => name);
  for (const unit of ['dma', 'matrix_unit', 'vector_unit']) assert.ok(names.includes(unit), unit);
});
