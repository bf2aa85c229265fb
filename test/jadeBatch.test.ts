/** A batch on the chip is its sequences side by side: each gets the bits it gets alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadChip } from '../src/chip/index.ts';
import { compile } from '../src/compile/index.ts';
import { loadModel } from '../src/model/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';
import { bitsOf, Session } from './session.ts';

const SEQUENCES = [
  [8190, 275, 198, 284, 286, 361, 433],
  [8190, 275, 198, 300, 301, 302, 303],
];
const NEXT = [500, 700];

for (const name of ['qwen3-tiny', 'deepseek-v3-tiny']) {
  test(`${name}: two sequences at different positions in one step equal each alone`, () => {
    const chip = loadChip('jade-edge');
    const { graph } = loadModel(fileURLToPath(new URL(`../models/${name}`, import.meta.url)));
    const alone = SEQUENCES.map((tokens, i) => {
      const session = new Session(
        jadeTarget(chip, { contextTokens: 64 }),
        graph({ logits: 'last' }),
      );
      session.feed(tokens.slice(0, 4 + i), 8);
      return session.feed([...tokens.slice(4 + i, 5 + i), NEXT[i]!], 2);
    });

    const target = jadeTarget(chip, { contextTokens: 64, batch: 2, checkHazards: true });
    const device = target.open({});
    const model = graph({ logits: 'last' });
    const run = (T: number, tokens: number[], positions: number[]): Float32Array => {
      const program = compile(model, target, { B: 2, T, S: 32 });
      return device.run(program, {
        tokens: Int32Array.from(tokens),
        positions: Int32Array.from(positions),
      }).logits;
    };
    // Sequence 1 is one token ahead of sequence 0: feed 4 tokens each, then one more to sequence 1 only.
    run(
      4,
      SEQUENCES.flatMap((tokens) => tokens.slice(0, 4)),
      [0, 0],
    );
    run(1, [SEQUENCES[0]![4]!, SEQUENCES[1]![4]!], [4, 4]);
    const batch = run(2, [SEQUENCES[0]![4]!, NEXT[0]!, SEQUENCES[1]![5]!, NEXT[1]!], [4, 5]);
    const width = batch.length / 2;
    assert.deepEqual(bitsOf(batch.subarray(0, width)), bitsOf(alone[0]!));
    assert.deepEqual(bitsOf(batch.subarray(width)), bitsOf(alone[1]!));
  });
}

test('a recurrent model: of two sequences one goes on while the other starts again', () => {
  const chip = loadChip('jade-edge');
  const folder = fileURLToPath(new URL('golden/qwen3-next', import.meta.url));
  const model = loadModel(folder).graph({ logits: 'last' });
  const [first, second] = [
    [3, 14, 15, 9, 26, 5],
    [31, 41, 59],
  ];
  const alone = [first, second].map((tokens) => {
    const session = new Session(jadeTarget(chip, { contextTokens: 32 }), model);
    return bitsOf(session.feed(tokens, 8));
  });
  const target = jadeTarget(chip, { contextTokens: 32, batch: 2, checkHazards: true });
  const device = target.open({});
  const run = (tokens: number[], positions: number[]): Float32Array => {
    const program = compile(model, target, { B: 2, T: tokens.length / 2, S: 32 });
    const inputs = { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
    return device.run(program, inputs).logits;
  };
  run([...first.slice(0, 3), 7, 7, 7], [0, 0]);
  const batch = run([...first.slice(3), ...second], [3, 0]);
  const width = batch.length / 2;
  assert.deepEqual(bitsOf(batch.subarray(0, width)), alone[0]);
  assert.deepEqual(bitsOf(batch.subarray(width)), alone[1]);
});

test('a recurrent model on the chip comes back to a snapshot, and refuses to go back without', () => {
  const folder = fileURLToPath(new URL('golden/qwen3.5', import.meta.url));
  const model = loadModel(folder).graph({ logits: 'last' });
  const target = jadeTarget(loadChip('jade-edge'), { contextTokens: 32 });
  const device = target.open({});
  const run = (tokens: number[], position: number): Uint32Array => {
    const program = compile(model, target, { B: 1, T: tokens.length, S: 32 });
    const positions = Int32Array.of(position);
    return bitsOf(device.run(program, { tokens: Int32Array.from(tokens), positions }).logits);
  };
  run([3, 14, 15], 0);
  const mark = device.snapshot!(0);
  const required = run([9, 2], 3);
  assert.throws(() => run([9, 2], 3), /must start at token 0 or 5, not at 3/);
  device.restore!(0, mark);
  assert.deepEqual(run([9, 2], 3), required);
});
