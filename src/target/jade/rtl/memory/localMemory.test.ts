/** The local memory against an array of bytes: windows of all clients at random addresses, every cycle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random } from '../../../../base/index.ts';
import { parseChip, type Chip } from '../../../../chip/index.ts';
import { CycleSimulator } from '../../../../hdl/index.ts';
import nano from '../../../../../catalogue/chips/jade-nano.json' with { type: 'json' };
import { banksOf, localBytesOf, memoriesOf } from '../../sim/banks.ts';
import { CONTROL_READERS, localMemory } from './localMemory.ts';
import { readClients, writeClients, type Client } from './memoryShape.ts';

/** Words of 128 bytes; few of them, so that reads find what was written. */
const TINY = parseChip(
  {
    ...nano,
    scratchpad: { sizeBytes: 4096, banks: 4 },
    accumulator: { sizeBytes: 1024, banks: 2 },
    control: { sizeBytes: 512 },
  },
  'tiny',
);

/** Regions that do not begin at a multiple of their size. */
const UNALIGNED = parseChip(
  {
    ...TINY,
    scratchpad: { sizeBytes: 1536, banks: 3 },
    accumulator: { sizeBytes: 3072, banks: 3 },
    control: { sizeBytes: 2048 },
  },
  'unaligned',
);

const READ_LATENCY = 3;

/** A window of 0 to all bytes of a client, within one region, words at aligned addresses in the control memory. */
function randomWindow(random: Random, client: Client, chip: Chip): { start: number; end: number } {
  const memories = memoriesOf(chip);
  const region = client.regions[random.int(client.regions.length)]!;
  const names = {
    scratchpad: 'scratchpad',
    accumulator: 'accumulators',
    control: 'control memory',
  };
  const range = memories[names[region] as keyof typeof memories];
  const unit = region === 'control' ? 4 : 1;
  const bytes = unit * random.int(client.bytes / unit + 1);
  const start = range.start + unit * random.int((range.end - range.start - bytes) / unit + 1);
  return { start, end: start + bytes };
}

interface Step {
  readonly inputs: Record<string, number | bigint>;
  /** What must come three cycles later, by output: bytes from the lowest. */
  readonly expected: Record<string, Uint8Array>;
}

/** One cycle of requests, no two of them to one port of a bank; `local` changes as they say. */
function randomStep(random: Random, chip: Chip, local: Uint8Array): Step {
  const inputs: Record<string, number | bigint> = {};
  const expected: Record<string, Uint8Array> = {};
  const request = (
    port: string,
    client: Client,
    taken: Set<number>,
  ): { start: number; end: number } | undefined => {
    const window = randomWindow(random, client, chip);
    const banks = banksOf(window.end > window.start ? [window] : [], chip);
    const valid = banks.length > 0 && !banks.some((bank) => taken.has(bank)) && random.int(4) > 0;
    inputs[`${port}Valid`] = Number(valid);
    inputs[`${port}Address`] = window.start;
    inputs[`${port}Bytes`] = window.end - window.start;
    if (valid) for (const bank of banks) taken.add(bank);
    return valid ? window : undefined;
  };
  const [reading, writing] = [new Set<number>(), new Set<number>()];
  for (const client of readClients(chip)) {
    const window = request(`${client.name}Read`, client, reading);
    if (window) expected[`${client.name}ReadData`] = local.slice(window.start, window.end);
  }
  const { start, end } = memoriesOf(chip)['control memory'];
  for (const name of CONTROL_READERS) {
    const address = start + 4 * random.int((end - start) / 4);
    Object.assign(inputs, { [`${name}ControlValid`]: 1, [`${name}ControlAddress`]: address });
    expected[`${name}ControlData`] = local.slice(address, address + 4);
  }
  for (const client of writeClients(chip)) {
    const window = request(`${client.name}Write`, client, writing);
    const data = Uint8Array.from({ length: client.bytes }, () => random.int(256));
    inputs[`${client.name}WriteData`] = numberOf(data);
    if (window) local.set(data.subarray(0, window.end - window.start), window.start);
  }
  return { inputs, expected };
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex') || '0'}`);
}

for (const chip of [TINY, UNALIGNED]) {
  test(`reads of all clients give the bytes written before (${chip.scratchpad.banks} banks)`, () => {
    const random = new Random(chip.scratchpad.banks);
    const simulator = new CycleSimulator(localMemory(chip));
    simulator.reset();
    const local = new Uint8Array(localBytesOf(chip));
    const expected: Step['expected'][] = [];
    let compared = 0;
    for (let cycle = 0; cycle < 4000; cycle++) {
      const step = randomStep(random, chip, local);
      expected.push(step.expected);
      const outputs = simulator.step(step.inputs);
      for (const [port, bytes] of Object.entries(expected[cycle - READ_LATENCY] ?? {})) {
        const given = BigInt.asUintN(8 * bytes.length, outputs[port]!);
        assert.equal(given, numberOf(bytes), `${port} in cycle ${cycle}`);
        compared++;
      }
    }
    assert.ok(compared > 20_000, `${compared}`);
  });
}

test('two clients at one port of a bank break an assertion', () => {
  const simulator = new CycleSimulator(localMemory(TINY));
  simulator.reset();
  simulator.step({ vectorReadValid: 1, vectorReadBytes: 4, storeReadValid: 1, storeReadBytes: 4 });
  assert.throws(() => simulator.step(), /scratchpad0_read_one_client: the assertion must hold/);
});
