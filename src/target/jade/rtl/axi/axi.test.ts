/** Rows over AXI4 against a bus that takes and gives at random times, with the rules of bursts checked. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { parseChip, type Chip } from '../../../../chip/index.ts';
import { CycleSimulator } from '../../../../hdl/index.ts';
import nano from '../../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { axiReader } from './axiReader.ts';
import { axiWriter } from './axiWriter.ts';

const MEMORY_BYTES = 1 << 15;

/** Beats of the core of 1, 8 and 256 bytes: the last are two beats of the bus. */
const CHIPS = [1, 8, 256].map((bytesPerCycle) =>
  parseChip(
    {
      ...nano,
      scratchpad: { sizeBytes: 16384, banks: 8 },
      memory: { ...nano.memory, bytesPerCycle, sizeBytes: MEMORY_BYTES },
    },
    'axi',
  ),
);

interface Row {
  readonly address: number;
  readonly bytes: number;
}

/** Rows of all lengths, some across boundaries of 4 KiB, some of nothing. */
function randomRows(random: Random, count: number, limit: number): Row[] {
  return Array.from({ length: count }, () => {
    const bytes = random.int(4) === 0 ? random.int(limit) : random.int(40);
    return { address: random.int(MEMORY_BYTES - bytes), bytes };
  });
}

function coreBeats({ bytes }: Row, { memory, dma }: Chip): number {
  return Math.ceil(Math.max(bytes, dma.burstBytes) / memory.bytesPerCycle);
}

function beatAt(bytes: Uint8Array, start: number, count: number): bigint {
  return bytes
    .slice(start, start + count)
    .reduceRight((all, byte) => (all << 8n) | BigInt(byte), 0n);
}

/** Checks a burst, and returns the addresses of its beats. */
function burst(address: bigint, length: bigint, busBytes: number): number[] {
  const [first, beats] = [Number(address), Number(length) + 1];
  assert.equal(first % busBytes, 0, 'aligned');
  const last = first + beats * busBytes - 1;
  assert.equal(Math.floor(first / 4096), Math.floor(last / 4096), 'within 4 KiB');
  return Array.from({ length: beats }, (_, i) => first + i * busBytes);
}

for (const chip of CHIPS) {
  const { bytesPerCycle } = chip.memory;
  const busBytes = Math.min(bytesPerCycle, 128);

  test(`rows are read in beats of ${bytesPerCycle} bytes`, () => {
    const random = new Random(bytesPerCycle);
    const memory = Uint8Array.from({ length: MEMORY_BYTES }, () => random.int(256));
    const rows = randomRows(random, 40, bytesPerCycle === 1 ? 300 : 9000);
    const reader = new CycleSimulator(axiReader(chip));
    reader.reset();
    const asked: number[] = [];
    const given: bigint[] = [];
    let next = 0;
    const expected = rows.flatMap((row) =>
      Array.from({ length: coreBeats(row, chip) }, (_, i) => {
        const count = Math.min(bytesPerCycle, Math.max(0, row.bytes - i * bytesPerCycle));
        return { count, value: beatAt(memory, row.address + i * bytesPerCycle, count) };
      }),
    );
    for (let cycle = 0; given.length < expected.length; cycle++) {
      assert.ok(cycle < 40_000, 'ends');
      const row = rows[next];
      const gives = asked.length > 0 && random.int(3) > 0;
      const outputs = reader.step({
        rowValid: Number(row !== undefined),
        ...(row && { rowAddress: row.address, rowBytes: row.bytes }),
        arready: random.int(2),
        rvalid: Number(gives),
        rdata: gives ? beatAt(memory, asked[0]!, busBytes) : 0n,
      });
      if (row && outputs.rowReady === 1n) next++;
      if (gives && outputs.rready === 1n) asked.shift();
      if (outputs.beatValid === 1n) given.push(outputs.beatData);
      const taken = outputs.arvalid === 1n && reader.probe('arready').read() === 1n;
      if (taken) asked.push(...burst(outputs.araddr, outputs.arlen, busBytes));
    }
    for (const [i, { count, value }] of expected.entries()) {
      assert.equal(count === 0 ? 0n : BigInt.asUintN(8 * count, given[i]!), value, `beat ${i}`);
    }
  });

  test(`rows are written in beats of ${bytesPerCycle} bytes`, () => {
    const random = new Random(bytesPerCycle + 1);
    const memory = new Uint8Array(MEMORY_BYTES);
    const expected = new Uint8Array(MEMORY_BYTES);
    const rows = randomRows(random, 20, bytesPerCycle === 1 ? 300 : 9000);
    const writer = new CycleSimulator(axiWriter(chip));
    writer.reset();
    const beats = rows.flatMap((row) =>
      Array.from({ length: coreBeats(row, chip) }, (_, i) => {
        const beat = Uint8Array.from({ length: bytesPerCycle }, () => random.int(256));
        const count = Math.min(bytesPerCycle, Math.max(0, row.bytes - i * bytesPerCycle));
        expected.set(beat.subarray(0, count), row.address + i * bytesPerCycle);
        return beatAt(beat, 0, bytesPerCycle);
      }),
    );
    const asked: { address: number; last: boolean }[] = [];
    const data: { data: bigint; strobes: bigint; last: boolean }[] = [];
    let [next, used, done, answers] = [0, 0, 0, 0];
    for (let cycle = 0; done < rows.length; cycle++) {
      assert.ok(cycle < 40_000, 'ends');
      const row = rows[next];
      const [awready, wready] = [random.int(2), random.int(2)];
      const answer = answers > 0 && random.int(4) === 0;
      const offered = used < beats.length && random.int(4) > 0;
      const outputs = writer.step({
        rowValid: Number(row !== undefined),
        ...(row && { rowAddress: row.address, rowBytes: row.bytes }),
        beatValid: Number(offered),
        beatData: beats[used] ?? 0n,
        awready,
        wready,
        bvalid: Number(answer),
      });
      if (row && outputs.rowReady === 1n) next++;
      if (answer) answers--;
      if (outputs.beatReady === 1n) used++;
      if (outputs.rowDone === 1n) done++;
      if (outputs.awvalid === 1n && awready === 1) {
        const addresses = burst(outputs.awaddr, outputs.awlen, busBytes);
        asked.push(
          ...addresses.map((address, i) => ({ address, last: i === addresses.length - 1 })),
        );
      }
      if (outputs.wvalid === 1n && wready === 1) {
        data.push({ data: outputs.wdata, strobes: outputs.wstrb, last: outputs.wlast === 1n });
      }
      while (asked.length > 0 && data.length > 0) {
        const [{ address, last }, beat] = [asked.shift()!, data.shift()!];
        assert.equal(beat.last, last, 'the last beat of a burst says so');
        for (let i = 0; i < busBytes; i++) {
          if ((beat.strobes >> BigInt(i)) & 1n)
            memory[address + i] = Number((beat.data >> BigInt(8 * i)) & 0xffn);
        }
        if (last) answers++;
      }
      if (outputs.rowDone === 1n)
        assert.equal(answers + asked.length + data.length, 0, 'all answered');
    }
    assert.equal(used, beats.length);
    assert.deepEqual(memory, expected);
  });
}
