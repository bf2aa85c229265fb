/** Queues, tokens and ports against models that know nothing of hardware; the decoder against the encoder. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import type { Chip } from '../../../../chip/index.ts';
import { constant, CycleSimulator, type Signal } from '../../../../hdl/index.ts';
import nano from '../../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { encode } from '../../encode.ts';
import { ISA, NONE, QUEUES, queueOf, type Instruction, type Opcode } from '../../isa.table.ts';
import { bankPorts } from './bankPorts.ts';
import { decode, headerOf } from './decoder.ts';
import { fifo } from './fifo.ts';
import { semaphores } from './semaphores.ts';

test('a FIFO gives entries in order, from two cycles after they came on', () => {
  const random = new Random(1);
  const simulator = new CycleSimulator(fifo(4, 16));
  simulator.reset();
  const entries: { value: number; from: number }[] = [];
  for (let cycle = 0; cycle < 3000; cycle++) {
    const head = entries[0];
    const valid = head !== undefined && head.from <= cycle;
    const pop = Number(valid && random.int(3) > 0);
    const push = Number((entries.length < 4 || pop === 1) && random.int(3) > 0);
    const value = random.int(1 << 16);
    const outputs = simulator.step({ push, pushData: value, pop });
    assert.equal(outputs.valid, BigInt(valid), `cycle ${cycle}`);
    assert.equal(outputs.room, BigInt(entries.length < 4), `cycle ${cycle}`);
    assert.equal(outputs.empty, BigInt(entries.length === 0), `cycle ${cycle}`);
    if (valid) assert.equal(outputs.data, BigInt(head.value), `cycle ${cycle}`);
    if (pop) entries.shift();
    if (push) entries.push({ value, from: cycle + 2 });
  }
});

test('tokens are counted between each pair of queues, and taken in the cycle they are given', () => {
  const random = new Random(2);
  const simulator = new CycleSimulator(semaphores());
  simulator.reset();
  const tokens = QUEUES.map(() => QUEUES.map(() => 0));
  for (let cycle = 0; cycle < 3000; cycle++) {
    const drawn = QUEUES.map(() => ({
      wait: random.int(16),
      retire: random.int(2),
      signal: random.int(16),
    }));
    const has = (mask: number, bit: number): boolean => ((mask >> bit) & 1) === 1;
    for (const [from, { retire, signal }] of drawn.entries())
      for (const to of QUEUES.keys()) if (retire && has(signal, to)) tokens[from]![to]!++;
    const starts = drawn.map(({ wait }, to) =>
      Number(
        QUEUES.every((_, from) => !has(wait, from) || tokens[from]![to]! > 0) && random.int(2),
      ),
    );
    const ready = drawn.map(({ wait }, to) =>
      QUEUES.every((_, from) => !has(wait, from) || tokens[from]![to]! > 0),
    );
    const ports = QUEUES.flatMap((queue, i) => [
      [`${queue}Wait`, drawn[i]!.wait],
      [`${queue}Retire`, drawn[i]!.retire],
      [`${queue}Signal`, drawn[i]!.signal],
      [`${queue}Start`, starts[i]!],
    ]);
    const outputs = simulator.step(Object.fromEntries(ports));
    for (const [i, queue] of QUEUES.entries())
      assert.equal(outputs[`${queue}Ready`], BigInt(ready[i]!), `${queue}, cycle ${cycle}`);
    for (const [to, { wait }] of drawn.entries())
      for (const from of QUEUES.keys()) if (starts[to] && has(wait, from)) tokens[from]![to]!--;
  }
});

const BANKS = 5;

test('heads start in the order of queues while no other queue holds their ports', () => {
  const random = new Random(3);
  const limits = [4, 8, 2, 2];
  const simulator = new CycleSimulator(bankPorts(BANKS, limits));
  simulator.reset();
  const working: { read: number; write: number }[][] = QUEUES.map(() => []);
  let started = 0;
  for (let cycle = 0; cycle < 5000; cycle++) {
    const mask = (): number => random.int(1 << BANKS) & random.int(1 << BANKS);
    const heads = QUEUES.map(() => ({ read: mask(), write: mask() }));
    const retire = working.map((list) => Number(list.length > 0 && random.int(4) === 0));
    const leaving = working.map((list, i) => (retire[i] ? list.shift()! : { read: 0, write: 0 }));
    const can = working.map((list, i) => Number(list.length < limits[i]! && random.int(2)));
    const starts = heads.map((head, i) => {
      const others = working.flatMap((list, j) => (j === i ? [] : list));
      const free = others.every(({ read, write }) => !(read & head.read) && !(write & head.write));
      const start = Number(free && can[i]);
      if (start) working[i]!.push(head);
      return start;
    });
    started += starts.filter((start) => start === 1).length;
    const ports = QUEUES.flatMap((queue, i) => [
      [`${queue}Can`, can[i]!],
      [`${queue}Read`, heads[i]!.read],
      [`${queue}Write`, heads[i]!.write],
      [`${queue}Retire`, retire[i]!],
      [`${queue}RetiredRead`, leaving[i]!.read],
      [`${queue}RetiredWrite`, leaving[i]!.write],
    ]);
    const outputs = simulator.step(Object.fromEntries(ports));
    for (const [i, queue] of QUEUES.entries())
      assert.equal(outputs[`${queue}Start`], BigInt(starts[i]!), `${queue}, cycle ${cycle}`);
  }
  assert.ok(started > 1000);
});

/** A value of its own for each field, that its kind can hold. */
function numbered(op: Opcode): Instruction {
  const values = ISA[op].fields.map(({ name, kind }, i) => {
    const value = name === 'rowCount' || name === 'unless' ? NONE : 1000 + i;
    return [name, kind === 'memory' ? 2 ** 40 + i : value];
  });
  return { op, fields: Object.fromEntries(values), wait: 5, signal: 9 };
}

test('the decoder finds every field of every opcode where the encoder puts it', () => {
  const float = new DataView(new ArrayBuffer(4));
  for (const op of Object.keys(ISA) as Opcode[]) {
    const instruction = numbered(op);
    const bytes = encode([instruction], nano as Chip);
    const words = bytes.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
    const signal = constant(8 * bytes.length, words);
    const valueOf = ({ source }: Signal): bigint | undefined =>
      source.kind === 'constant' ? source.value : undefined;
    const fields = decode(queueOf(op), signal);
    for (const { name, kind } of ISA[op].fields) {
      const value = instruction.fields[name]!;
      float.setFloat32(0, value);
      const expected = kind === 'f32' ? float.getUint32(0) : value;
      assert.equal(valueOf(fields[name]!), BigInt(expected), `${op} ${name}`);
    }
    const { wait, signal: gives } = headerOf(signal);
    assert.deepEqual([valueOf(wait), valueOf(gives)], [5n, 9n]);
  }
});
