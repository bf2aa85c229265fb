/** The chip on AXI: programs give what the simulator gives, whatever the buses take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { parseChip } from '../../../../chip/index.ts';
import { CycleSimulator } from '../../../../hdl/index.ts';
import nano from '../../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { encode } from '../../encode.ts';
import { MAX_POSITION } from '../../sim/randomInstruction.ts';
import { randomProgram } from '../../sim/randomProgram.ts';
import { createSimulator } from '../../sim/simulator.ts';
import { REGISTERS } from '../axi/axiControl.ts';
import { FETCH_BYTES } from '../axi/axiFetch.ts';
import { AxiMemory } from './axiBus.ts';
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

type Ports = Record<string, number | bigint>;

/** A chip with its buses: `write` and `read` are accesses of a host to the registers. */
class Board {
  private readonly chip = new CycleSimulator(jadeTop(TINY));
  private readonly buses: readonly (readonly [string, AxiMemory])[];

  constructor(memory: Uint8Array, program: Uint8Array, random: Random) {
    this.chip.reset();
    this.buses = [
      ['mAxi', new AxiMemory(memory, TINY.memory.bytesPerCycle, 'mAxi', random)],
      ['fetchAxi', new AxiMemory(program, FETCH_BYTES, 'fetchAxi', random)],
    ];
  }

  write(address: number, value: number): void {
    const data = { sAxiAwaddr: address, sAxiWdata: value >>> 0 };
    const taken = this.until('sAxiAwready', { sAxiAwvalid: 1, sAxiWvalid: 1, ...data });
    assert.equal(taken['sAxiWready'], 1n);
    this.step({ sAxiAwvalid: 0, sAxiWvalid: 0 });
    this.until('sAxiBvalid', { sAxiBready: 1 });
    this.step({ sAxiBready: 0 });
  }

  read(address: number): number {
    this.until('sAxiArready', { sAxiArvalid: 1, sAxiAraddr: address });
    const outputs = this.until('sAxiRvalid', { sAxiArvalid: 0, sAxiRready: 1 });
    this.step({ sAxiRready: 0 });
    return Number(outputs['sAxiRdata']);
  }

  private until(port: string, inputs: Ports): Readonly<Record<string, bigint>> {
    for (let i = 0; i < 10; i++) {
      const outputs = this.step(inputs);
      if (outputs[port] === 1n) return outputs;
    }
    throw new Error(`${port} must come within 10 cycles`);
  }

  private step(inputs: Ports): Readonly<Record<string, bigint>> {
    const known = new Set(Object.keys(this.chip.module.inputs));
    const given = this.buses.flatMap(([prefix, bus]) =>
      Object.entries(bus.inputs())
        .map(
          ([name, value]) => [`${prefix}${name[0]!.toUpperCase()}${name.slice(1)}`, value] as const,
        )
        .filter(([port]) => known.has(port)),
    );
    const outputs = this.chip.step({ ...inputs, ...Object.fromEntries(given) });
    for (const [, bus] of this.buses) bus.outputs(outputs);
    return outputs;
  }
}

test('programs on AXI buses that stall at random leave what the simulator leaves', () => {
  const random = new Random(4);
  const opcodes = ['load', 'load', 'gather', 'store', 'store'] as const;
  for (const length of [12, 1]) {
    const drawn = randomProgram(random, TINY, { length, opcodes, prologue: 'by transfers' });
    const simulator = createSimulator(TINY, drawn.memory.length);
    simulator.memory.set(drawn.memory);
    simulator.positions.set(drawn.positions);
    const stats = simulator.run(drawn.program, { maxPosition: MAX_POSITION });
    const memory = drawn.memory.slice();
    const base = 0x1000 - 32;
    const program = new Uint8Array(base + 100 * drawn.program.length);
    program.set(encode(drawn.program, TINY), base);
    const board = new Board(memory, program, random);
    for (const [i, position] of drawn.positions.entries())
      board.write(REGISTERS.positions + 4 * i, position);
    board.write(REGISTERS.programLow, base);
    board.write(REGISTERS.programHigh, 0);
    board.write(REGISTERS.length, drawn.program.length);
    assert.equal(board.read(REGISTERS.length), drawn.program.length);
    assert.equal(board.read(REGISTERS.status), 0);
    board.write(REGISTERS.control, 1);
    assert.equal(board.read(REGISTERS.status) & 3, 1, 'busy');
    let status = 1;
    for (let i = 0; (status & 1) === 1; i++) {
      assert.ok(i < 20_000, 'ends');
      status = board.read(REGISTERS.status);
    }
    assert.equal(status, stats.fault ? 0b0110 : 0b0010);
    assert.deepEqual(memory, simulator.memory);
  }
});
