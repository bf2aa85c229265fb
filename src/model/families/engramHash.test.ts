import assert from 'node:assert/strict';
import { test } from 'node:test';
import { engramModuli, engramMultipliers, Pcg64 } from './engramHash.ts';

test('the generator draws what NumPy 2.4.6 does', () => {
  const drawn = (seed: number, bound: bigint, count: number): bigint[] => {
    const random = new Pcg64(seed);
    return Array.from({ length: count }, () => random.below(bound));
  };
  assert.deepEqual(drawn(10_007, 2n ** 40n + 12_345n, 5), [
    905_230_968_794n,
    57_171_941_664n,
    424_780_355_629n,
    873_989_263_265n,
    472_001_232_130n,
  ]);
  assert.deepEqual(drawn(0, 2n ** 62n + 5n, 3), [
    2_937_467_307_694_268_570n,
    1_244_171_615_822_312_905n,
    76_220_265_684_581_383n,
  ]);
  assert.deepEqual(drawn(3, 2n ** 62n + 5n, 6).at(-1), 1_997_445_454_492_781_123n);
});

test('the multipliers of the published model are those of NumPy', () => {
  assert.deepEqual(engramMultipliers(1, 4, 99_092), [
    76_632_096_046_245n,
    4_839_876_093_313n,
    35_959_672_319_349n,
    73_987_337_458_391n,
  ]);
  assert.deepEqual(engramMultipliers(14, 4, 99_092), [
    67_716_810_739_261n,
    51_510_806_800_915n,
    30_921_347_202_721n,
    82_619_226_485_591n,
  ]);
});

test('the parts of the published tables add up to their rows', () => {
  const moduli = engramModuli(2, 3, 8, 16_000_000);
  const rows = moduli.map((parts) => parts.reduce((sum, part) => sum + part, 0));
  assert.deepEqual(rows, [384_006_168, 384_016_682]);
  assert.equal(moduli[0]![0], 16_000_057);
  assert.equal(moduli[1]!.at(-1), 16_000_889);
});
