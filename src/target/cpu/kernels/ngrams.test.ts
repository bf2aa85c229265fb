/** Kernels of tables by n-gram, against the definition in integers of any size. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ngramRowsOf, startOfNgrams, wordsOf, type NgramAttrs } from '../../../ir/index.ts';
import { Workbench } from '../../../../test/workbench.ts';

const MODULI = [53, 59, 2_147_483_647, 67];
const MULTIPLIERS = [2n ** 63n - 25n, 2n ** 62n + 2n ** 33n + 77n, 13n];
const ATTRS: NgramAttrs = { multipliers: MULTIPLIERS.flatMap(wordsOf), moduli: MODULI, padding: 3 };

/** Runs the kernels as the lowering calls them, part by part; hashes of 64 bits wrap around. */
function rowsByKernels(
  tokens: Int32Array,
  state: Float32Array,
  classes: Float32Array | undefined,
  { endsText, position, B }: { endsText: boolean; position: number; B: number },
): { rows: Int32Array; kept: Float32Array } {
  const [past, parts] = [MULTIPLIERS.length - 1, MODULI.length];
  const T = tokens.length / B;
  const bench = new Workbench();
  const kept = { address: bench.put(state), count: state.length };
  const [ids, hashes] = [bench.room(B * (past + T)), bench.room(2 * B * T)];
  const out = bench.room(B * T * parts);
  const common = { classes: classes ? bench.put(classes) : 0, B, T, past, padding: ATTRS.padding };
  const positions = bench.put(new Int32Array(B).fill(position));
  const places = { state: kept.address, tokens: bench.put(tokens), positions };
  bench.run('ngramIds', { ...places, ids: ids.address, ...common }, [kept, ids]);
  let first = 0;
  for (const [part, modulus] of MODULI.entries()) {
    for (const back of [[0, 1], [], [2], []][part]!) {
      const [high, low] = wordsOf(MULTIPLIERS[back]!);
      const rules = { back, high, low, endsText: Number(endsText) };
      const to = { ids: ids.address, hashes: hashes.address };
      bench.run('ngramHashes', { ...to, ...common, ...rules }, [hashes]);
    }
    const to = { out: out.address + 4 * part, outStride: parts, rows: B * T };
    bench.run('ngramRows', { hashes: hashes.address, ...to, modulus, first }, [out]);
    first = Math.imul(first + modulus, 1); // rows are i32, and wrap around as the sum does
  }
  return { rows: bench.integers(out), kept: bench.floats(kept) };
}

test('rows of n-grams are those of whole numbers, from the start of a text, behind others and past its end', () => {
  const classes = Float32Array.from({ length: 90_000 }, (_, i) => Math.floor((i * 7) / 5));
  for (const endsText of [false, true]) {
    for (const table of [undefined, classes]) {
      for (const position of [0, 9]) {
        const B = 2;
        const tokens = Int32Array.of(70_001, 3, 88_888, 5, 3, 3, 1, 0, 89_999, 2, 3, 4);
        const held = Float32Array.of(3, 4, 66_000, 3);
        const options = { endsText, position, B };
        const { rows, kept } = rowsByKernels(tokens, held, table, options);
        for (let b = 0; b < B; b++) {
          const attrs = { ...ATTRS, endsText };
          const past =
            position === 0 ? startOfNgrams(attrs, table) : held.slice(b * 2, (b + 1) * 2);
          const own = tokens.subarray(b * 6, (b + 1) * 6);
          const required = ngramRowsOf(own, past, attrs, table);
          assert.deepEqual(rows.subarray(b * 24, (b + 1) * 24), required);
          assert.deepEqual(kept.subarray(b * 2, (b + 1) * 2), past);
        }
      }
    }
  }
});
