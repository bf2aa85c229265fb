// Reports of verified chips as tables.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ChipVerification } from './top.ts';
import { topTables, verificationText } from './topRows.ts';

const LEVEL = {
  ...{ layer: 'm layer 0', tokens: 1, instructions: 9, l0Cycles: 90, l1Cycles: 100, l2Cycles: 101 },
  ...{ l0Error: -0.1, l1Error: -1 / 101 },
};
const PROGRAMS = { programs: 4, instructions: 120, cycles: 9000, differences: [] };
const MODEL = { model: 'm', tokens: [1, 2], instructions: 9, cycles: 99, seconds: 1 };

/** Everything ran and is equal. */
const GOOD: ChipVerification = {
  chip: 'good',
  levels: { rows: [LEVEL], refused: [] },
  rtl: {
    verdict: 'equal',
    programs: PROGRAMS,
    model: { ...MODEL, difference: undefined },
    modelRefused: undefined,
  } as never,
  area: {
    ...{ node: 'sky130', tableMm2: 10.4, synthesisedMm2: 10, error: 0.04 },
    units: [{ unit: 'u_3', count: 32, pricedAs: 'u_2', tableUm2: 90, synthesisedUm2: 100 }],
    parts: [{ part: 'dma', tableUm2: 1_234_567, synthesisedUm2: 1_234_567 }],
  },
  corrections: { l0: -0.1, l1: -1 / 101, area: 0.04 },
};

/** Nothing could be run. */
const REFUSED: ChipVerification = {
  chip: 'refused',
  levels: { rows: [], refused: [{ layer: 'm layer 0', reason: 'no room' }] },
  rtl: { verdict: 'refused', reason: 'not verified: verilator is not installed' },
  area: { refused: 'not synthesised: no folder' },
  corrections: { l0: null, l1: null, area: null },
};

test('what was compared has its sign and its share, what was refused its reason', () => {
  const [levels, chips, cells] = topTables({ chips: [GOOD, REFUSED] });
  assert.deepEqual(levels!.rows, [
    ['good', 'm layer 0', '1', '101', '100', '−0.990 %', '90', '−10.0 %'],
    ['refused', 'm layer 0', '', 'no room', '', '', '', ''],
  ]);
  assert.deepEqual(chips!.rows, [
    [
      ...[
        'good',
        'equal, 4 programs in 9,000 cycles, 2 tokens of m in 99 cycles',
        '10.40',
        '10.00',
        '+4.0 %',
      ],
      ...['−10.0 %', '−0.990 %'],
    ],
    [
      ...['refused', 'not verified: verilator is not installed'],
      ...['', 'not synthesised: no folder', '', '', ''],
    ],
  ]);
  assert.deepEqual(cells!.rows, [
    ['good', 'u_3', '32', 'u_2', '90', '100', '−10.0 %'],
    ['good', 'dma', '1', 'operators', '1234600', '1234600', '+0.0 %'],
  ]);
  for (const { columns, rows } of [levels!, chips!, cells!])
    for (const row of rows) assert.equal(row.length, columns.length);
});

test('the first difference is named, of the model before those of programs', () => {
  const textOf = (rtl: object): string => {
    return topTables({ chips: [{ ...GOOD, rtl: rtl as never }] })[1]!.rows[0]![1]!;
  };
  const differs = { ...PROGRAMS, differences: [{ difference: { what: 'cycles' } }] };
  const rtl = { verdict: 'differs', programs: differs, model: undefined, modelRefused: 'no room' };
  assert.equal(textOf(rtl), 'differs in cycles, 4 programs in 9,000 cycles, no model: no room');
  const model = { ...MODEL, difference: { what: 'values' } };
  assert.match(
    textOf({ ...rtl, model, modelRefused: undefined }),
    /^differs in values, 4 programs/,
  );
});

test('a chip in a line says what was equal, how far off levels were, and what was refused', () => {
  assert.equal(
    verificationText(GOOD),
    'good: equal, 4 programs in 9,000 cycles, 2 tokens of m in 99 cycles; ' +
      'table +4.0 % beside synthesis; L0 off by −10.0 %; L1 off by −0.990 %',
  );
  assert.equal(
    verificationText(REFUSED),
    'refused: not verified: verilator is not installed; not synthesised: no folder',
  );
});
