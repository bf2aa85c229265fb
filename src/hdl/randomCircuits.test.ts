/** The compiled simulator against direct evaluation, on circuits that nobody would write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../base/index.ts';
import { DirectEvaluator } from '../../test/hdl/directEvaluator.ts';
import { randomCircuit, randomHierarchy, randomStimuli } from '../../test/hdl/randomCircuit.ts';
import type { Module } from './signal.ts';
import { CycleSimulator } from './simulator.ts';

const CYCLES = 40;

function checkAgainstDirectEvaluation(module: Module, random: Random): void {
  const [simulator, judge] = [new CycleSimulator(module), new DirectEvaluator(module)];
  for (const [cycle, { reset, inputs }] of randomStimuli(random, module, CYCLES).entries()) {
    const actual = reset ? simulator.reset(inputs) : simulator.step(inputs);
    assert.deepEqual(actual, judge.step(inputs, reset), `${module.name}, cycle ${cycle}`);
  }
}

test('random circuits with registers and memories run as evaluated directly', () => {
  for (let seed = 0; seed < 80; seed++) {
    const random = new Random(seed);
    checkAgainstDirectEvaluation(randomCircuit(random, `circuit_${seed}`), random);
  }
});

test('random hierarchies run as evaluated directly', () => {
  for (let seed = 1000; seed < 1015; seed++) {
    const random = new Random(seed);
    checkAgainstDirectEvaluation(randomHierarchy(random, `hierarchy_${seed}`), random);
  }
});
