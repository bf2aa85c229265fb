import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal } from '../../../../test/workbench.ts';
import { wideKernels } from '../../../../test/x86/levels.ts';
import { NativeWorkbench, type Room } from '../../../../test/x86/workbench.ts';
import { addAttendToken } from './attendToken.ts';
import { addAttention } from './attention.ts';

const [library, reason] = wideKernels((assembler) => {
  addAttention(assembler);
  addAttendToken(assembler);
});

interface Shape {
  readonly seen: number;
  readonly groups: number;
  readonly shared: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
}

const SHAPES: readonly Shape[] = [
  { seen: 1, groups: 1, shared: 1, keyWidth: 16, valueWidth: 16 },
  { seen: 16, groups: 2, shared: 3, keyWidth: 32, valueWidth: 48 },
  { seen: 17, groups: 3, shared: 2, keyWidth: 64, valueWidth: 64 },
  { seen: 33, groups: 8, shared: 2, keyWidth: 128, valueWidth: 128 },
  { seen: 100, groups: 1, shared: 8, keyWidth: 192, valueWidth: 144 },
  { seen: 64, groups: 2, shared: 7, keyWidth: 16, valueWidth: 80 },
];

const scale = new Uint32Array(Float32Array.of(0.25).buffer)[0]!;

function from(room: Room, elements: number): Room {
  return { ...room, offset: room.offset + 4 * elements };
}

test('a token has the bits that it has beside other tokens', { skip: reason }, () => {
  for (const { seen, groups, shared, keyWidth, valueWidth } of SHAPES) {
    const bench = new NativeWorkbench(library);
    const heads = groups * shared;
    const [keyStride, valueStride] = [4 * groups * keyWidth, 4 * groups * valueWidth];
    const q = bench.put(normal(heads * keyWidth));
    const keys = bench.put(normal(seen * groups * keyWidth));
    const values = bench.put(normal(seen * groups * valueWidth));
    const required = bench.room(heads * valueWidth * 4);
    const given = bench.room(heads * valueWidth * 4);
    for (let g = 0; g < groups; g++) {
      const cells = [
        ...[from(q, g * shared * keyWidth), 4 * keyWidth, from(keys, g * keyWidth), keyStride],
        ...[from(values, g * valueWidth), valueStride, seen],
        ...[from(required, g * shared * valueWidth), 4 * valueWidth],
        ...[shared, 0, keyWidth, valueWidth, scale],
      ];
      bench.run('attention', cells, [required, given]);
    }
    const cells = [
      ...[q, keys, keyStride, 4 * keyWidth, values, valueStride, 4 * valueWidth],
      ...[given, seen, groups, shared, keyWidth, valueWidth, scale],
    ];
    bench.run('attendToken', cells, [required, given]);
    assert.deepEqual(bench.floats(given), bench.floats(required), `${seen} keys`);
  }
});
