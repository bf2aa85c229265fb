/** Dispatch and issue beside the simulator's clock, with units that work for a given number of cycles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { Bits, CycleSimulator, defineModule } from '../../../../hdl/index.ts';
import { loadChip } from '../../../../chip/index.ts';
import { decodeFields, fieldPorts, INSTRUCTION_BITS, portOf } from './decoder.ts';
import { encode } from '../../encode.ts';
import { ISA, QUEUES, queueOf, type Instruction, type Opcode } from '../../isa.table.ts';
import { fifo } from './fifo.ts';

const chip = loadChip('jade-nano');

function bitsOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
}

test('the decoder finds every field of every opcode', () => {
  const random = new Random(3);
  for (const queue of QUEUES) {
    const outputs: Record<string, number> = { opcode: 8, ...fieldPorts(queue) };
    const decoder = new CycleSimulator(
      defineModule({
        name: `decoder_${queue}`,
        inputs: { instruction: INSTRUCTION_BITS } as Record<string, number>,
        outputs,
        body: (inputs) => decodeFields(inputs['instruction']!, queue),
      }),
    );
    const opcodes = (Object.keys(ISA) as Opcode[]).filter((op) => queueOf(op) === queue);
    for (const op of opcodes) {
      const fields = Object.fromEntries(
        ISA[op].fields.map(({ name, kind }) => [name, kind === 'f32' ? 1.5 : random.int(2 ** 20)]),
      );
      const instruction: Instruction = { op, fields, wait: 0, signal: 0 };
      const found = decoder.step({ instruction: bitsOf(encode([instruction], chip)) });
      assert.equal(found['opcode'], BigInt(ISA[op].opcode));
      for (const { name, kind } of ISA[op].fields) {
        const want = kind === 'f32' ? 0x3fc00000n : BigInt(fields[name]!);
        assert.equal(found[portOf(name)], want, `${op} ${name}`);
      }
    }
  }
});

test('a fifo gives its entries in order, two cycles after an entry and one after a pop', () => {
  const queue = new CycleSimulator(fifo('test_fifo', 4, 16));
  const random = new Random(9);
  const model: { value: number; at: number }[] = [];
  for (let cycle = 0; cycle < 2000; cycle++) {
    const full = model.length === 4;
    const push = !full && random.int(2) === 1;
    const hasHead = model.length > 0 && model[0]!.at + 2 <= cycle;
    const pop = hasHead && random.int(3) === 0;
    const value = random.int(65536);
    const found = queue.step({ push: Number(push), pushData: value, pop: Number(pop) });
    assert.equal(found.full, BigInt(full));
    assert.equal(found.valid, BigInt(hasHead));
    if (hasHead) assert.equal(found.head, new Bits(16, model[0]!.value).value);
    if (pop) model.shift();
    if (push) model.push({ value, at: cycle });
  }
});
