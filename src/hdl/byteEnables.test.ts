/** Memories whose bytes are written one by one: what the simulator does, what the text says, what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addCounts, inventory } from './inventory.ts';
import { defineModule } from './module.ts';
import type { Module } from './signal.ts';
import { CycleSimulator } from './simulator.ts';
import { toSystemVerilog } from './systemVerilog.ts';

type Inputs = { address: 2; data: number; bytes: number; write: 1 };

function store(width: number): Module<Inputs, { read: number }> {
  return defineModule({
    name: 'store',
    inputs: { address: 2, data: width, bytes: width / 8, write: 1 },
    outputs: { read: width },
    body({ address, data, bytes, write }, m) {
      const read = m.memory('words', {
        words: 4,
        width,
        read: { address },
        write: { address, data, enable: write, byteEnable: bytes },
      });
      return { read };
    },
  });
}

test('only the enabled bytes of a word change', () => {
  for (const width of [16, 32, 72, 320]) {
    const simulator = new CycleSimulator(store(width));
    const ones = (1n << BigInt(width)) - 1n;
    simulator.step({ address: 2, data: ones, bytes: (1n << BigInt(width / 8)) - 1n, write: 1 });
    simulator.step({ data: 0, bytes: 2 });
    simulator.step({ data: 0, bytes: 1n << BigInt(width / 8 - 1), write: 0 });
    assert.equal(simulator.readMemory('words', 2), ones ^ 0xff00n);
    simulator.step({ write: 1 });
    assert.equal(
      simulator.readMemory('words', 2),
      (ones ^ 0xff00n) & ~(0xffn << BigInt(width - 8)),
    );
  }
});

test('the text has lanes of bytes', () => {
  const text = toSystemVerilog(store(320));
  const lanes = `
  generate
    for (genvar LANE = 0; LANE < 5; LANE = LANE + 1) begin : words_lane
      logic [63:0] words [0:3];
      always_ff @(posedge clock) begin
        if (write) begin
          for (int BYTE = 0; BYTE < 8; BYTE = BYTE + 1)
            words[address][8*BYTE +: 8] <= bytes[8*LANE + BYTE] ? data[64*LANE + 8*BYTE +: 8] : words[address][8*BYTE +: 8];
        end
        read[64*LANE +: 64] <= words[address];
      end
    end
  endgenerate`;
  assert.ok(text.includes(lanes), text);
});

test('parts and constants get a name before their bytes are selected', () => {
  const module = defineModule({
    name: 'parts',
    inputs: { address: 2, data: 32, write: 1 },
    outputs: { read: 16 },
    body({ address, data, write }, m) {
      const byteEnable = address.constant(1);
      const words = { words: 4, width: 16, read: { address } };
      const low = { address, data: data.low(16), enable: write, byteEnable };
      return { read: m.memory('words', { ...words, write: low }) };
    },
  });
  const text = toSystemVerilog(module);
  assert.ok(text.includes('wire [15:0] words_write_data = data[15:0];'), text);
  assert.ok(text.includes("wire [1:0] words_byte_enable = 2'h1;"), text);
});

test('a byte enable must fit the word', () => {
  assert.throws(() => store(8), {
    message:
      'words: the byte enable must have 1 bit for each of 2 bytes or more, not 1 bit (bytes) for a word of 8 bits',
  });
});

test('the inventory tells such memories from others', () => {
  const { memories } = inventory(store(32)).own;
  assert.deepEqual(memories, [{ words: 4, width: 32, ports: 1, byteEnables: true, count: 1 }]);
  const plain = {
    ...inventory(store(32)).own,
    memories: [{ ...memories[0]!, byteEnables: false }],
  };
  assert.equal(addCounts([inventory(store(32)).own, plain]).memories.length, 2);
});
