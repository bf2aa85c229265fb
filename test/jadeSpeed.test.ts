/** How well the chip is used, in cycles: exact numbers that repeat on every machine. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { JadeBench, MODELS, openModel } from '../bench/jade.ts';
import { loadChip } from '../src/chip/index.ts';

const prompt = Int32Array.from({ length: 128 }, (_, i) => 100 + i * 7);

for (const name of MODELS) {
  test(`${name} on jade-edge: decode uses at least 80 % of the memory bandwidth`, () => {
    const chip = loadChip('jade-edge');
    const bench = new JadeBench(chip, openModel(name).graph({ logits: 'last' }), 128);
    bench.step(prompt.slice(0, 32), 0);
    const { cycles, bytesMoved } = bench.step(Int32Array.of(5), 32);
    assert.ok(
      bytesMoved / (cycles * chip.memory.bytesPerCycle) >= 0.8,
      `${bytesMoved} bytes in ${cycles} cycles`,
    );
  });

  test(`${name} on jade-edge: a prompt of 128 tokens keeps the vector unit, its limit, at work`, () => {
    const chip = loadChip('jade-edge');
    const bench = new JadeBench(chip, openModel(name).graph({ logits: 'last' }), 128);
    const { cycles, busyCycles } = bench.step(prompt, 0);
    const share = busyCycles[2]! / cycles;
    assert.ok(share >= 0.75, `${busyCycles[2]} of ${cycles} cycles`);
  });
}
