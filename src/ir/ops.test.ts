import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShapeError } from '../base/index.ts';
import { makeNode, type Node } from './graph.ts';
import type { Op, OpAttrs, Rules } from './ops.table.ts';
import { tensor, typeToString, type Dim, type DType } from './types.ts';

/** A node of any type: `x('f32[B,T,64]')`. */
function x(text: string): Node {
  const [, dtype, dims] = /^(\w+)\[(.*)\]$/.exec(text)!;
  const shape = dims!.split(',').map((dim) => (/\d/.test(dim) ? Number(dim) : (dim as Dim)));
  return makeNode('weight', [], { name: 'w', type: tensor(dtype as DType, shape) });
}

interface Case {
  readonly attrs: OpAttrs[Op];
  readonly inputs: readonly string[];
  /** The type it has. */
  readonly gives: string;
  /** Other inputs, and what the error says about them. */
  readonly refuses: readonly (readonly [inputs: readonly string[], message: RegExp])[];
}

const position = 'i32[B]';
const heads = 'f32[B,T,4,64]';
const route = {
  scoring: 'sigmoid',
  topK: 2,
  groups: 4,
  topGroups: 2,
  normalize: true,
  scale: 1,
} as const;
const type = tensor('f32', [3]);

/** Inputs of gatedDelta, two value heads for each key head. */
function delta(given: Readonly<Record<string, string>>): string[] {
  const usual = {
    state: 'f32[B,4,8,3]',
    q: 'f32[B,T,2,8]',
    k: 'f32[B,T,2,8]',
    v: 'f32[B,T,4,3]',
    decay: 'f32[B,T,4]',
    beta: 'f32[B,T,4]',
    position,
  };
  return Object.values({ ...usual, ...given });
}

/** One entry an op: forgetting one is a compile error. */
const recent = 'f32[B,15,1,64]';

const CASES: Rules<Case> = {
  routeByToken: {
    attrs: { scoring: 'sqrtSoftplus', normalize: true, scale: 1 },
    inputs: ['f32[B,T,8]', 'i32[B,T]', 'f32[100,2]'],
    gives: 'f32[B,T,8]',
    refuses: [
      [['f32[B,T,8]', 'f32[B,T]', 'f32[100,2]'], /tokens i32/],
      [['f32[B,T,8]', 'i32[B,T]', 'f32[100]'], /a table/],
    ],
  },
  hyperConnection: {
    attrs: { streams: 4, iterations: 20, epsilon: 1e-6 },
    inputs: ['f32[B,T,24]', 'f32[3]', 'f32[24]'],
    gives: 'f32[B,T,24]',
    refuses: [
      [['f32[B,T,16]', 'f32[3]', 'f32[16]'], /logits 4 or 24 wide/],
      [['f32[B,T,4]', 'f32[3]', 'f32[4]'], /scale \(3\), or \(1\)/],
    ],
  },
  mixHeads: {
    attrs: {},
    inputs: ['f32[B,T,8]', 'f32[B,T,4,64]'],
    gives: 'f32[B,T,2,64]',
    refuses: [[['f32[B,T,7]', 'f32[B,T,4,64]'], /coefficients \(B,T,m·n\)/]],
  },
  compress: {
    attrs: { tokensPerRow: 4, overlap: true },
    inputs: ['f32[B,7,64]', 'f32[B,T,64]', position, 'f32[4,32]'],
    gives: 'f32[B,T,16]',
    refuses: [
      [['f32[B,3,64]', 'f32[B,T,64]', position], /state \(B,7,C\)/],
      [['f32[B,7,64]', 'f32[B,T,64]', position, 'f32[4,64]'], /bias \(4,C\/2\)/],
      [['f32[B,7,66]', 'f32[B,T,66]', position, 'f32[4,33]'], /rows \(B,T,4·K\)/],
    ],
  },
  windowAttention: {
    attrs: { scale: 1, tokensPerRow: 4 },
    inputs: [recent, heads, 'f32[B,T,1,64]', 'f32[4]', position, 'f32[B,S,1,64]', 'i32[B,T,8]'],
    gives: heads,
    refuses: [
      [[recent, heads, 'f32[B,T,2,64]', 'f32[4]', position], /rows \(B,T,1,K\)/],
      [[recent, heads, 'f32[B,T,1,64]', 'f32[3]', position], /sinks \(H\)/],
      [['f32[B,15,1,32]', heads, 'f32[B,T,1,64]', 'f32[4]', position], /state \(B,W,1,K\)/],
      [
        [recent, heads, 'f32[B,T,1,64]', 'f32[4]', position, 'f32[B,S,1,32]'],
        /entries \(B,S,1,K\)/,
      ],
    ],
  },
  input: {
    attrs: { name: 'tokens', type },
    inputs: [],
    gives: 'f32[3]',
    refuses: [[[position], /must be 0, not 1/]],
  },
  weight: {
    attrs: { name: 'w', type },
    inputs: [],
    gives: 'f32[3]',
    refuses: [[[position], /must be 0, not 1/]],
  },
  state: {
    attrs: { name: 's', type },
    inputs: [],
    gives: 'f32[3]',
    refuses: [[[position], /must be 0, not 1/]],
  },
  splitHeads: {
    attrs: { heads: 4 },
    inputs: ['f32[B,T,256]'],
    gives: 'f32[B,T,4,64]',
    refuses: [
      [['f32[B,T,255]'], /\(B,T,4·K\), not \(f32\[B,T,255\]\)/],
      [[heads], /4·K/],
    ],
  },
  mergeHeads: {
    attrs: {},
    inputs: [heads],
    gives: 'f32[B,T,256]',
    refuses: [[['f32[B,T,8]'], /\(B,T,H,K\)/]],
  },
  repeatHeads: {
    attrs: { heads: 4 },
    inputs: ['f32[B,T,1,64]'],
    gives: 'f32[B,T,4,64]',
    refuses: [[['f32[B,T,2,64]'], /\(B,T,1,K\)/]],
  },
  slice: {
    attrs: { start: 32, size: 32 },
    inputs: ['mxint8[B,T,64]'],
    gives: 'mxint8[B,T,32]',
    refuses: [
      [['f32[B,T,63]'], /at least 64 wide/],
      [['f32[B,T]'], /must be a number, not T/],
    ],
  },
  concat: {
    attrs: {},
    inputs: ['f32[B,T,4]', 'f32[B,T,2]'],
    gives: 'f32[B,T,6]',
    refuses: [
      [['f32[B,T,4]', 'f32[B,S,4]'], /equal in all but the last axis/],
      [['f32[B,T,32]', 'mxint8[B,T,32]'], /equal/],
      [[], /must be 1 to 16, not 0/],
    ],
  },
  transpose: {
    attrs: {},
    inputs: ['f32[2,3,4]'],
    gives: 'f32[2,4,3]',
    refuses: [
      [['f32[3]'], /at least two axes/],
      [['mxint8[32,32]'], /inputs must be f32/],
    ],
  },
  lastToken: {
    attrs: {},
    inputs: ['f32[B,T,8]'],
    gives: 'f32[B,1,8]',
    refuses: [[['f32[8]'], /\(B,T,…\)/]],
  },
  embedding: {
    attrs: {},
    inputs: ['i32[B,T]', 'f32[100,8]'],
    gives: 'f32[B,T,8]',
    refuses: [
      [['f32[B,T]', 'f32[100,8]'], /tokens i32/],
      [['i32[B,T]', 'mxint8[100,32]'], /inputs must be f32/],
    ],
  },
  append: {
    attrs: {},
    inputs: ['f32[B,S,2,64]', 'f32[B,T,2,64]', position],
    gives: 'f32[B,S,2,64]',
    refuses: [
      [['f32[B,S,2,64]', 'f32[B,T,1,64]', position], /rows \(B,T,G,K\)/],
      [['f32[B,S,64]', 'f32[B,T,64]', position], /rows \(B,T,G,K\)/],
      [['f32[B,3,2,64]', 'f32[B,T,2,64]', position], /state \(B,S,G,K\)/],
      [['mxint8[B,S,2,64]', 'f32[B,T,2,64]', position], /of one dtype/],
      [['f32[B,S,2,64]', 'f32[B,T,2,64]'], /must be 3, not 2/],
    ],
  },
  add: {
    attrs: {},
    inputs: ['f32[B,T,8]', 'f32[B,T,8]'],
    gives: 'f32[B,T,8]',
    refuses: [
      [['f32[B,T,8]', 'f32[B,1,8]'], /of one type, or the second a row \(D\) or a number a row/],
      [['f32[8]', 'f32[B,T,8]'], /of one type/],
      [['i32[B]', 'i32[B]'], /inputs must be f32/],
    ],
  },
  mul: {
    attrs: {},
    inputs: ['f32[B,T,8]', 'f32[B,T,1]'],
    gives: 'f32[B,T,8]',
    refuses: [[['f32[8]', 'f32[9]'], /of one type/]],
  },
  sigmoid: {
    attrs: {},
    inputs: ['f32[8]'],
    gives: 'f32[8]',
    refuses: [[['i32[8]'], /inputs must be f32/]],
  },
  softplus: {
    attrs: {},
    inputs: ['f32[8]'],
    gives: 'f32[8]',
    refuses: [[['i32[8]'], /inputs must be f32/]],
  },
  silu: {
    attrs: {},
    inputs: ['f32[8]'],
    gives: 'f32[8]',
    refuses: [[['mxfp8[32]'], /inputs must be f32/]],
  },
  swiglu: {
    attrs: {},
    inputs: ['f32[8]', 'f32[8]'],
    gives: 'f32[8]',
    refuses: [[['f32[8]'], /must be 2, not 1/]],
  },
  rmsNormalization: {
    attrs: { epsilon: 1e-6 },
    inputs: [heads, 'f32[64]'],
    gives: 'f32[B,T,4,64]',
    refuses: [
      [[heads, 'f32[4]'], /weight \(D\)/],
      [[heads, 'f32[1,64]'], /weight \(D\)/],
      [['mxint8[B,T,64]', 'f32[64]'], /inputs must be f32/],
    ],
  },
  layerNormalization: {
    attrs: { epsilon: 1e-6 },
    inputs: [heads, 'f32[64]', 'f32[64]'],
    gives: 'f32[B,T,4,64]',
    refuses: [
      [[heads, 'f32[64]', 'f32[4]'], /weight and bias of one type/],
      [[heads, 'f32[4]', 'f32[4]'], /weight \(D\)/],
    ],
  },
  l2Normalization: {
    attrs: { epsilon: 1e-6 },
    inputs: [heads],
    gives: 'f32[B,T,4,64]',
    refuses: [[['mxint8[B,T,64]'], /inputs must be f32/]],
  },
  rotaryEmbedding: {
    attrs: { layout: 'half', frequencies: [1, 0.5], magnitude: 1 },
    inputs: ['f32[B,T,2,4]', position],
    gives: 'f32[B,T,2,4]',
    refuses: [
      [['f32[B,T,2,6]', position], /x of 2 channel pairs/],
      [['f32[B,T,4]', position], /x \(B,T,H,K\)/],
      [['i32[B,T,2,4]', position], /inputs must be f32/],
    ],
  },
  argMax: {
    attrs: {},
    inputs: ['f32[B,1,100]'],
    gives: 'i32[B,1]',
    refuses: [
      [['f32[B,T]'], /must be a number, not T/],
      [['i32[B,9]'], /inputs must be f32/],
    ],
  },
  quantize: {
    attrs: { format: 'mxfp4', group: 64 },
    inputs: ['f32[B,T,128]'],
    gives: 'mxfp4[B,T,128]',
    refuses: [[['mxint8[B,T,128]'], /inputs must be f32/]],
  },
  linear: {
    attrs: {},
    inputs: ['mxfp8[B,T,64]', 'mxfp4[10,64]'],
    gives: 'f32[B,T,10]',
    refuses: [
      [['f32[B,T,64]', 'f32[10,32]'], /weight \(N,K\)/],
      [['f32[B,T,64]', 'mxfp4[10,64]'], /all f32 or all MX/],
      [['i32[B,T,64]', 'i32[10,64]'], /all f32 or all MX/],
    ],
  },
  headLinear: {
    attrs: {},
    inputs: ['f32[B,T,1,8]', 'f32[4,16,8]'],
    gives: 'f32[B,T,4,16]',
    refuses: [
      [['f32[B,T,2,8]', 'f32[4,16,8]'], /1 head or as many/],
      [['f32[B,T,4,8]', 'f32[4,8,16]'], /of one K/],
      [['f32[B,T,8]', 'f32[4,16,8]'], /weight \(H,N,K\)/],
      [['f32[B,T,1,32]', 'mxint8[4,16,32]'], /all f32 or all MX/],
    ],
  },
  attention: {
    attrs: { scale: 1, valueWidth: 32 },
    inputs: [heads, 'f32[B,S,2,64]', 'f32[B,S,2,48]', position],
    gives: 'f32[B,T,4,32]',
    refuses: [
      [[heads, 'f32[B,S,3,64]', 'f32[B,S,3,64]', position], /a multiple of the heads of keys/],
      [[heads, 'f32[B,S,2,32]', 'f32[B,S,2,64]', position], /of one K/],
      [[heads, 'f32[B,S,2,64]', 'f32[B,S,2,16]', position], /at least valueWidth wide/],
      [[heads, 'f32[B,S,2,64]', 'f32[B,S,4,64]', position], /values of the same rows/],
      [[heads, 'mxint8[B,S,2,64]', 'mxint8[B,S,2,64]', position], /all f32 or all MX/],
      [
        [heads, 'f32[B,S,2,64]', 'f32[B,S,2,48]', position, 'f32[B,T,8]'],
        /chosen rows i32 \(B,T,k\)/,
      ],
    ],
  },
  topRows: {
    attrs: { topK: 16, tokensPerRow: 4 },
    inputs: [heads, 'f32[B,T,4]', 'f32[B,S,1,64]', position],
    gives: 'i32[B,T,16]',
    refuses: [
      [[heads, 'f32[B,T,3]', 'f32[B,S,1,64]', position], /weights \(B,T,H\)/],
      [[heads, 'f32[B,T,4]', 'f32[B,S,1,32]', position], /keys \(B,S,1,K\) of one K/],
      [[heads, 'f32[B,T,4]', 'f32[B,S,2,64]', position], /keys \(B,S,1,K\) of one K/],
      [[heads, 'f32[B,T,4]', 'f32[B,S,1,64]', position, 'i32[B,T,8]'], /blocks if they have/],
    ],
  },
  topBlocks: {
    attrs: { topK: 8, blockRows: 4, tokensPerRow: 2 },
    inputs: [heads, 'f32[B,T,4]', 'f32[B,S,1,64]', position],
    gives: 'i32[B,T,8]',
    refuses: [[[heads, 'f32[B,T,3]', 'f32[B,S,1,64]', position], /weights \(B,T,H\)/]],
  },
  nGramGate: {
    attrs: { epsilon: 1e-20 },
    inputs: [heads, heads, 'f32[4,64]', 'f32[4,64]'],
    gives: 'f32[B,T,4]',
    refuses: [
      [[heads, 'f32[B,T,4,32]', 'f32[4,64]', 'f32[4,64]'], /x and keys/],
      [[heads, heads, 'f32[4,64]', 'f32[64]'], /weights \(n,D\)/],
    ],
  },
  fakeQuantize: {
    attrs: { format: 'e2m1', group: 16, scale: 'e4m3' },
    inputs: [heads],
    gives: heads,
    refuses: [[['f32[B,T,24]'], /whole groups of 16/]],
  },
  route: {
    attrs: route,
    inputs: ['f32[B,T,8]', 'f32[8]'],
    gives: 'f32[B,T,8]',
    refuses: [
      [['f32[B,T,9]'], /4 whole groups/],
      [['f32[B,T,8]', 'f32[9]'], /bias \(E\)/],
      [['f32[B,T,0]'], /with 2 eligible experts/],
    ],
  },
  experts: {
    attrs: {},
    inputs: ['f32[B,T,8]', 'f32[B,T,4]', 'f32[4,16,8]', 'f32[4,16,8]', 'f32[4,8,16]'],
    gives: 'f32[B,T,8]',
    refuses: [
      [
        ['f32[B,T,8]', 'f32[B,T,3]', 'f32[4,16,8]', 'f32[4,16,8]', 'f32[4,8,16]'],
        /for each of gates/,
      ],
      [['f32[B,T,8]', 'f32[B,T,4]', 'f32[4,16,8]', 'f32[4,15,8]', 'f32[4,8,16]'], /\(E,F,D\)/],
      [['f32[B,T,8]', 'f32[B,T,4]', 'f32[4,16,8]', 'f32[4,16,8]', 'f32[4,16,8]'], /\(E,D,F\)/],
      [['f32[B,T,8]', 'f32[B,T,4]', 'f32[4,8]', 'f32[4,8]', 'f32[4,8,8]'], /three axes/],
      [
        ['f32[B,T,8]', 'f32[B,1,4]', 'f32[4,16,8]', 'f32[4,16,8]', 'f32[4,8,16]'],
        /gates \(B,T,E\)/,
      ],
    ],
  },
  causalConvolution: {
    attrs: {},
    inputs: ['f32[B,3,8]', 'f32[B,T,8]', 'f32[8,4]', position],
    gives: 'f32[B,T,8]',
    refuses: [
      [['f32[B,4,8]', 'f32[B,T,8]', 'f32[8,4]', position], /state \(B,W-1,C\)/],
      [['f32[B,S,8]', 'f32[B,T,8]', 'f32[8,4]', position], /state \(B,W-1,C\)/],
      [['f32[B,3,8]', 'f32[B,T,8]', 'f32[9,4]', position], /weight \(C,W\)/],
      [['f32[B,0,8]', 'f32[B,T,8]', 'f32[8,1]', position], /W from 2/],
    ],
  },
  signedRoot: {
    attrs: { smallest: 1e-6 },
    inputs: ['f32[B,T,4,1]'],
    gives: 'f32[B,T,4,1]',
    refuses: [[['i32[8]'], /inputs must be f32/]],
  },
  dot: {
    attrs: {},
    inputs: [heads, heads],
    gives: 'f32[B,T,4,1]',
    refuses: [
      [[heads, 'f32[64]'], /of one type/],
      [['i32[B,T,4]', 'i32[B,T,4]'], /inputs must be f32/],
    ],
  },
  blockRows: {
    attrs: { tokensPerRow: 4 },
    inputs: ['i32[B,T,8]', position],
    gives: 'i32[B,T,35]',
    refuses: [[['f32[B,T,8]', position], /blocks i32 \(B,T,k\)/]],
  },
  ngramRows: {
    attrs: { multipliers: [0, 3, 1, 5, 7, 9], moduli: [11, 13, 17, 19], padding: 0 },
    inputs: ['f32[B,2]', 'i32[B,T]', position],
    gives: 'i32[B,T,4]',
    refuses: [
      [['f32[B,3]', 'i32[B,T]', position], /state \(B,2\)/],
      [['f32[B,2]', 'f32[B,T]', position], /tokens i32 \(B,T\)/],
      [['f32[B,2]', 'i32[B,T]', position, 'f32[9,9]'], /classes \(V\)/],
    ],
  },
  gatedDelta: {
    attrs: { scale: 1, chunk: 1 },
    inputs: delta({}),
    gives: 'f32[B,T,4,3]',
    refuses: [
      [delta({ state: 'f32[B,4,3,8]' }), /state \(B,H,K,V\)/],
      [delta({ k: 'f32[B,T,2,7]' }), /q and k \(B,T,G,K\)/],
      [delta({ q: 'f32[B,T,3,8]', k: 'f32[B,T,3,8]' }), /a multiple of the heads of q/],
      [delta({ beta: 'f32[B,T,2]' }), /decay and beta \(B,T,H\)/],
      [delta({ decay: 'mxint8[B,T,4]' }), /inputs must be f32/],
    ],
  },
};

for (const [name, { attrs, inputs, gives, refuses }] of Object.entries(CASES)) {
  const op = name as Op;
  test(`${op} has the type of its rule and refuses inputs that break it`, () => {
    assert.equal(typeToString(makeNode(op, inputs.map(x), attrs).type), gives);
    for (const [wrong, message] of refuses) {
      assert.throws(
        () => makeNode(op, wrong.map(x), attrs, 'layers.0'),
        (error) => {
          assert.ok(error instanceof ShapeError);
          assert.match(error.message, message);
          assert.equal(error.where, `layers.0: ${op}`);
          return true;
        },
      );
    }
  });
}

test('quantize refuses groups that are not whole blocks', () => {
  assert.throws(
    () => makeNode('quantize', [x('f32[B,T,96]')], { format: 'mxint8', group: 48 }),
    /inputs must be in groups of 32·n elements, not \(f32\[B,T,96\]\)/,
  );
});
