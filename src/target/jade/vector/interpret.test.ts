import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bf16ToF32, Random } from '../../../base/index.ts';
import { divide, exp, sigmoid, signedRoot, silu, softplus, swiglu } from '../arith/functions.ts';
import { quantizeGroup } from '../arith/mx.ts';
import { isLarger, laneLargest, larger, smaller } from '../arith/reduce.ts';
import { routeRow } from '../arith/route.ts';
import {
  argmaxRow,
  canonicalize,
  rmsRow,
  ropeRow,
  scaleAddRow,
  scaleByBytes,
  softmaxRow,
  sumRow,
  topRow,
  type Row,
} from '../arith/rows.ts';
import { FORMAT_CODES, NONE, SCORINGS, type Fields } from '../isa.table.ts';
import { interpretItem } from './interpret.ts';
import { MICROCODE, type ProgramName } from './microcode.table.ts';
import { itemColumns } from './program.ts';

const { fround } = Math;
const [A, B, D, GATE] = [0, 0x4000, 0x8000, 0xc000];
const BYTES = 0xd000;

/** One row of an instruction in a memory of its own. */
class Case {
  readonly local = new Uint8Array(BYTES);
  readonly floats = new Float32Array(this.local.buffer);
  readonly words = new Uint32Array(this.local.buffer);
  readonly random: Random;
  readonly lanes: number;
  readonly columns: number;
  visible: number;

  constructor(random: Random, lanes: number, columns: number) {
    [this.random, this.lanes, this.columns] = [random, lanes, columns];
    this.visible = columns;
  }

  /** Fills `count` f32 at an address: numbers of all sizes up to 2^±range, and now and then a special. */
  fill(address: number, count: number, range: number, special = 40): Row {
    const specials = [0, -0, Infinity, -Infinity, NaN, 1e-42, -3e38, 1];
    const { random } = this;
    for (let i = 0; i < count; i++) {
      const value = (random.float() - 0.5) * 2 ** (random.int(2 * range + 1) - range);
      const isSpecial = random.int(special) === 0;
      this.floats[address / 4 + i] = isSpecial ? specials[random.int(specials.length)]! : value;
    }
    return this.row(address, count);
  }

  /** A copy of the row at an address, whose values no instruction changes. */
  row(address: number, count: number): Row {
    return { values: this.floats.slice(address / 4, address / 4 + count), offset: 0 };
  }

  run(name: ProgramName, fields: Fields, d = D): void {
    const { lanes, columns } = this;
    const running = MICROCODE[name];
    const all: Fields = { columns, ...fields };
    const size = itemColumns(running, all, lanes);
    const length = running.item === 'pairs' ? columns / 2 : columns;
    for (let first = 0; first < length; first += size) {
      const format = all['dFormat'] ?? FORMAT_CODES.f32;
      interpretItem(running, all, lanes, this.local, {
        a: A + first * (all['aFormat'] === FORMAT_CODES.bf16 ? 2 : 4),
        b: B + first * bytesOfB(name),
        d: d + (format === FORMAT_CODES.f32 ? first * 4 : (first / 32) * 33),
        gate: GATE,
        columns: Math.min(size, length - first),
        visible: Math.min(size, this.visible - first),
      });
    }
  }

  expect(expected: Float32Array, what: string, d = D): void {
    const words = new Uint32Array(expected.slice().buffer);
    canonicalize(words, 0, words.length);
    const got = this.words.slice(d / 4, d / 4 + expected.length);
    assert.deepEqual(got, words, what);
  }
}

/** Bytes of b for a column. */
function bytesOfB(name: ProgramName): number {
  if (name === 'scale' || name === 'scaleAdd' || name === 'mix') return 0;
  return name === 'ropeInterleaved' ? 2 : 4;
}

const f32 = { dFormat: FORMAT_CODES.f32, group: 0 };

/** Runs `body` for some chips and row lengths, deterministic, with a name for messages. */
function forCases(
  columns: (random: Random) => number,
  body: (c: Case, random: Random, what: string) => void,
): void {
  const random = new Random(7);
  for (let trial = 0; trial < 60; trial++) {
    const lanes = [32, 64, 128][trial % 3]!;
    const count = columns(random);
    body(
      new Case(random, lanes, count),
      random,
      `trial ${trial}, ${lanes} lanes, ${count} columns`,
    );
  }
}

const anyColumns = (random: Random): number => 1 + random.int(300);

test('elementwise programs are the functions of numerics.md', () => {
  forCases(anyColumns, (c, random, what) => {
    const a = c.fill(A, c.columns, random.int(2) === 0 ? 6 : 140).values;
    const b = c.fill(B, c.columns, 30).values;
    const compute: [ProgramName, (x: number, y: number) => number][] = [
      ['copy', (x) => x],
      ['add', (x, y) => x + y],
      ['mul', (x, y) => x * y],
      ['silu', (x) => silu(x)],
      ['swiglu', (x, y) => swiglu(x, y)],
      ['zero', () => 0],
      ['sigmoid', sigmoid],
      ['exp', exp],
      ['softplus', softplus],
      ['max', larger],
      ['min', smaller],
      ['div', divide],
    ];
    for (const [name, f] of compute) {
      c.run(name, f32);
      c.expect(
        a.map((x, i) => f(x, b[i]!)),
        `${name}: ${what}`,
      );
    }
  });
});

test('a limit bounds both sides of swiglu and keeps a NaN; a root is at least that of the smallest', () => {
  forCases(anyColumns, (c, random, what) => {
    const range = random.int(2) === 0 ? 3 : 140;
    const a = c.fill(A, c.columns, range, 10).values;
    const b = c.fill(B, c.columns, range, 10).values;
    const limit = 2 ** (random.int(8) - 4);
    c.run('swiglu', { ...f32, limit });
    c.expect(
      a.map((x, i) => swiglu(x, b[i]!, limit)),
      `limit ${limit}: ${what}`,
    );
    const smallest = 2 ** -random.int(127);
    c.run('signedRoot', { ...f32, smallest });
    c.expect(
      a.map((x) => signedRoot(x, smallest)),
      `smallest ${smallest}: ${what}`,
    );
  });
});

test('sum is one word a row, in the order of the lanes', () => {
  forCases(anyColumns, (c, random, what) => {
    const x = c.fill(A, c.columns, random.int(20), 300);
    const scale = fround(random.float() - 0.5);
    const expected = Float32Array.of(sumRow(x, c.columns, scale, c.lanes), c.floats[D / 4 + 1]!);
    c.run('sum', { scale });
    c.expect(expected, what);
  });
});

test('copy of bf16 is exact', () => {
  forCases(anyColumns, (c, random, what) => {
    const halves = Uint16Array.from({ length: c.columns }, () => random.int(65536));
    c.local.set(new Uint8Array(halves.buffer), A);
    c.run('copy', { ...f32, aFormat: FORMAT_CODES.bf16 });
    c.expect(bf16ToF32(halves), what);
  });
});

test('rms is the function of numerics.md, also in place', () => {
  forCases(anyColumns, (c, random, what) => {
    const x = c.fill(A, c.columns, random.int(40), 2000);
    const w = c.fill(B, c.columns, 2);
    const expected = { values: new Float32Array(c.columns), offset: 0 };
    const epsilon = fround(1e-6);
    const inverse = fround(1 / c.columns);
    rmsRow(x, w, c.columns, epsilon, inverse, c.lanes, expected);
    const d = random.int(2) === 0 ? A : D;
    c.run('rms', { ...f32, epsilon, inverse }, d);
    c.expect(expected.values, what, d);
  });
});

test('softmax sees the visible only, scales by bytes, and works in place', () => {
  forCases(anyColumns, (c, random, what) => {
    const x = c.fill(A, c.columns, 1 + random.int(12), random.int(3) === 0 ? 60 : 1e6);
    for (let i = 0; i < c.columns; i++)
      c.local[B + i] = random.int(12) === 0 ? 255 : random.int(255);
    c.visible = 1 + random.int(c.columns);
    const scaled = random.int(2) === 0;
    const scale = fround(random.float() - 0.2);
    const expected = { values: new Float32Array(c.columns), offset: 0 };
    softmaxRow(x, c.visible, c.columns, scale, c.lanes, expected);
    if (scaled) scaleByBytes(expected, c.visible, c.local, B, 1);
    const d = random.int(2) === 0 ? A : D;
    c.run('softmax', { ...f32, scale, b: scaled ? B : NONE }, d);
    c.expect(expected.values, what, d);
  });
});

test('rope turns pairs of both layouts, also in place', () => {
  forCases(
    (random) => 2 + 2 * random.int(150),
    (c, random, what) => {
      for (const interleaved of [false, true]) {
        const x = c.fill(A, c.columns, 10);
        const table = c.fill(B, c.columns, 1);
        const expected = { values: new Float32Array(c.columns), offset: 0 };
        ropeRow(x, table, c.columns, interleaved, expected);
        const d = random.int(2) === 0 ? A : D;
        c.run(interleaved ? 'ropeInterleaved' : 'rope', f32, d);
        c.expect(expected.values, `${what}, interleaved ${interleaved}`, d);
      }
    },
  );
});

test('argmax finds the first of the largest, and keeps what was larger', () => {
  forCases(anyColumns, (c, random, what) => {
    const special = [3, 40, 1][random.int(3)]!;
    const x = c.fill(A, c.columns, 2, special);
    if (special === 1) x.values.fill(NaN);
    if (random.int(4) === 0)
      x.values.forEach((_, i) => (x.values[i] = [0, -0, -0, -1][random.int(4)]!));
    c.floats.set(x.values, A / 4);
    const base = random.int(100000);
    const before = c.fill(D, 1, 2, 3).values[0]!;
    c.words[D / 4 + 1] = random.int(200000);
    const accumulate = random.int(2);
    const best = argmaxRow(x, c.columns);
    const expected = c.words.slice(D / 4, D / 4 + 2);
    const largest = laneLargest(x.values, x.offset, c.columns, c.lanes);
    if (accumulate === 0 || isLarger(largest, before)) {
      const value = new Uint32Array(Float32Array.of(largest).buffer);
      canonicalize(value, 0, 1);
      expected.set([value[0]!, base + best]);
    }
    c.run('argmax', { base, accumulate });
    assert.deepEqual(c.words.slice(D / 4, D / 4 + 2), expected, what);
  });
});

test('route chooses the experts of numerics.md', () => {
  forCases(
    () => 1,
    (one, random, what) => {
      const groups = [1, 2, 3, 4, 8][random.int(5)]!;
      const columns = groups * (1 + random.int(random.int(2) === 0 ? 4 : 30));
      const c = new Case(random, one.lanes, columns);
      const topGroups = 1 + random.int(groups);
      const topK = 1 + random.int(Math.min(8, (columns / groups) * topGroups));
      const logits = c.fill(A, columns, 3, [1e6, 20, 2][random.int(3)]!);
      const bias = c.fill(B, columns, 1, [1e6, 30][random.int(2)]!);
      if (random.int(3) === 0) logits.values.fill(0.25, 0, columns / 2);
      c.floats.set(logits.values, A / 4);
      const [biased, normalize, groupByBest] = [random.int(2), random.int(2), random.int(2)];
      const code = random.int(3);
      const scale = fround(random.float() * 3);
      const attrs = { topK, groups, topGroups, scale, normalize: normalize === 1 };
      const choice = { ...attrs, groupByBest: groupByBest === 1, scoring: SCORINGS[code]! };
      const expected = { values: new Float32Array(columns), offset: 0 };
      const given = biased === 1 ? bias : undefined;
      routeRow(logits, given, columns, choice, c.lanes, expected);
      const b = biased === 1 ? B : NONE;
      const counts = { topK, groups, topGroups };
      c.run('route', { b, ...counts, scale, normalize, scoring: code, groupByBest });
      c.expect(expected.values, `${what} of ${columns} in ${groups}: ${JSON.stringify(choice)}`);
    },
  );
});

test('combine adds the gated row', () => {
  forCases(anyColumns, (c, _random, what) => {
    const a = c.fill(A, c.columns, 20).values;
    const d = c.fill(D, c.columns, 20).values;
    const [gate] = c.fill(GATE, 1, 3).values;
    c.run('combine', {});
    c.expect(
      a.map((x, i) => d[i]! + fround(gate! * x)),
      what,
    );
  });
});

test('scale and scaleAdd have one number a row, and work in place', () => {
  forCases(anyColumns, (c, random, what) => {
    const a = c.fill(A, c.columns, 20).values;
    const [factor] = c.fill(B, 1, 3).values;
    const d = random.int(2) === 0 ? A : D;
    const sums = c.fill(D, c.columns, 20).values;
    c.run('scaleAdd', { bInner: 0 }, d);
    c.expect(
      (d === A ? a : sums).map((x, i) => x + fround(factor! * a[i]!)),
      `scaleAdd, ${what}`,
      d,
    );
    c.floats.set(a, A / 4);
    c.run('scale', { ...f32, bInner: 0 }, d);
    c.expect(
      a.map((x) => factor! * x),
      `scale, ${what}`,
      d,
    );
  });
});

test('mix adds its terms in ascending order, from zero or from what is there', () => {
  forCases(anyColumns, (c, random, what) => {
    const terms = 1 + random.int(7);
    const [aInner, bInner] = [4 * (c.columns + random.int(3)), 4 * random.int(4)];
    const accumulate = random.int(2);
    const before = c.fill(D, c.columns, 20);
    const sum = accumulate === 1 ? before : { values: new Float32Array(c.columns), offset: 0 };
    c.fill(A, terms * c.columns + 3 * terms, 20);
    c.fill(B, 4 * terms, 3);
    for (let j = 0; j < terms; j++) {
      const factor = c.floats[(B + j * bInner) / 4]!;
      scaleAddRow(c.row(A + j * aInner, c.columns), factor, c.columns, sum);
    }
    c.run('mix', { terms, aInner, bInner, accumulate });
    c.expect(sum.values, what);
  });
});

test('topk chooses the first of the largest among the visible, a NaN last', () => {
  forCases(anyColumns, (c, random, what) => {
    const special = [2, 40, 1][random.int(3)]!;
    const x = c.fill(A, c.columns, 2, special);
    if (special === 1) x.values.fill(NaN);
    if (random.int(4) === 0)
      x.values.forEach((_, i) => (x.values[i] = [0, -0, -0, -1][random.int(4)]!));
    c.floats.set(x.values, A / 4);
    // A NaN is a NaN, whatever its sign.
    c.words.forEach((bits, i) => {
      if (i < c.columns && bits === 0x7fc00000 && random.int(2) === 0) c.words[i] = 0xffc00001;
    });
    c.visible = random.int(4) === 0 ? 0 : random.int(c.columns + 1);
    const topK = 1 + random.int(Math.min(9, c.columns));
    c.fill(D, c.columns, 20);
    const expected = { values: new Float32Array(c.columns), offset: 0 };
    topRow(x, c.visible, c.columns, topK, expected);
    c.run('topk', { topK });
    c.expect(expected.values, `${what}, ${topK} of ${c.visible}`);
  });
});

test('results are quantised in groups up to the lanes, and by copy in any others', () => {
  forCases(
    (random) => 32 * (1 + random.int(12)),
    (c, random, what) => {
      const values = c.fill(A, c.columns, 20, 500).values;
      const groups = [32, 64, 128, c.columns].filter((g) => c.columns % g === 0);
      const group = groups[random.int(groups.length)]!;
      const format = random.int(2) === 0 ? 'mxint8' : 'mxfp8';
      const wide = group > c.lanes || (group & (group - 1)) !== 0;
      c.run(wide ? 'copyWide' : 'copy', { dFormat: FORMAT_CODES[format], group });
      const codes = new Uint8Array(group);
      for (let i = 0; i < c.columns; i += group) {
        const scale = quantizeGroup(values, i, group, format, codes, 0);
        for (let j = 0; j < group; j += 32) {
          const block = D + ((i + j) / 32) * 33;
          const expected = Uint8Array.of(scale, ...codes.subarray(j, j + 32));
          assert.deepEqual(c.local.slice(block, block + 33), expected, `${what}, group ${group}`);
        }
      }
    },
  );
});
