/**
 * Every checkpoint of golden/ on one target by turns, in the group `thorough` on every one that runs it: a sequence gives the bits that it gives
 * alone and from its start, beside another of another length, in another slot, after guesses that were
 * wrong, and on a beginning that was read before another end.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadChip } from '../src/chip/index.ts';
import { compileLowered, lowerGraph, type Target } from '../src/compile/index.ts';
import { ModelRunner } from '../src/engine/index.ts';
import { topologicalOrder, type Graph } from '../src/ir/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { portion } from './portion.ts';
import { bitsOf, Session } from './session.ts';

const FOLDER = path.join(import.meta.dirname, 'golden');
const CONTEXT = 128;

/** How much is fed: the simulator is given less, and the short windows and entries are passed there too. */
const SUBJECTS = [
  { target: referenceTarget(), step: 18, read: 41, more: 7 },
  { target: cpuTarget(), step: 24, read: 61, more: 9 },
  {
    target: jadeTarget(loadChip('jade-edge'), { contextTokens: CONTEXT, batch: 4 }),
    step: 9,
    read: 19,
    more: 5,
  },
];

function runs(target: Target, graph: Graph): boolean {
  return topologicalOrder(lowerGraph(graph, target)).every((node) => target.supports(node).ok);
}

/** The last logits of two sequences in one step, of which the first goes on and the second, half as long, starts. */
function besides(graph: Graph, target: Target, first: number[], second: number[]): Uint32Array[] {
  const lowered = lowerGraph(graph, target);
  const device = target.open({});
  const T = second.length;
  const run = (tokens: number[], positions: number[]): Float32Array => {
    const program = compileLowered(lowered, target, target.bucket({ B: 2, T, S: 2 * T }));
    const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
    return device.run(program, fed).logits;
  };
  run([...first.slice(0, T), ...second.toReversed()], [0, 0]);
  const logits = run([...first.slice(T), ...second], [T, 0]);
  const width = logits.length / 2;
  return [logits.slice(0, width), logits.slice(width)].map(bitsOf);
}

/**
 * The last logits of a sequence that starts in slot 2, is copied in two pieces to slot 1, by way of slot 0 where a device
 * copies slots, and goes on there beside another in slot 2, and those of that.
 */
function moved(graph: Graph, target: Target, first: number[], second: number[]): Uint32Array[] {
  const lowered = lowerGraph(graph, target);
  const device = target.open({});
  const T = second.length;
  const cut = Math.ceil(T / 2);
  const run = (tokens: number[], positions: number[], firstSlot: number): Float32Array => {
    const B = positions.length;
    const program = compileLowered(lowered, target, target.bucket({ B, T, S: 2 * T }));
    const fed = { tokens: Int32Array.from(tokens), positions: Int32Array.from(positions) };
    return device.run(program, { ...fed, firstSlot }).logits;
  };
  run(first.slice(0, T), [0], 2);
  const unread = device.saveRows(2, 0, T - cut);
  const pieces = [device.saveRows(2, 0, cut), device.saveRows(2, cut, T, unread)];
  const snapshot = device.snapshot?.(2);
  run([...second.toReversed(), ...first.slice(T).toReversed()], [0, 0], 2);
  for (const piece of pieces) device.loadRows(device.copyRows ? 0 : 1, piece);
  device.copyRows?.(0, 1, T);
  if (snapshot !== undefined) device.restore!(1, snapshot);
  const logits = run([...first.slice(T), ...second], [T, 0], 1);
  const width = logits.length / 2;
  return [logits.slice(0, width), logits.slice(width)].map(bitsOf);
}

for (const [i, name] of fs.readdirSync(FOLDER).entries()) {
  const graph = loadModel(path.join(FOLDER, name)).graph({ logits: 'last' });
  const file = fs.readFileSync(path.join(FOLDER, name, 'golden.json'), 'utf8');
  const { promptTokens: text } = JSON.parse(file) as { promptTokens: number[] };

  for (const { target, step, read, more } of portion(SUBJECTS, 3, i)) {
    if (!runs(target, graph)) continue; // families.test.ts says which, and why
    const lastBits = (runner: ModelRunner, tokens: readonly number[]): Uint32Array =>
      bitsOf([...runner.feed(tokens)].at(-1)!.logits);
    const open = (): ModelRunner => new ModelRunner(graph, target, target.open({}), CONTEXT);

    test(`${name} on ${target.name}: sequences of unequal lengths in one step, and in other slots, give the bits of each alone`, () => {
      const sequences = [text.slice(0, 2 * step), text.slice(5, 5 + step)] as const;
      const alone = sequences.map((tokens) =>
        bitsOf(new Session(target, graph).feed(tokens, step)),
      );
      assert.deepEqual(besides(graph, target, ...sequences), alone);
      assert.deepEqual(moved(graph, target, ...sequences), alone, 'in other slots');
    });

    test(`${name} on ${target.name}: what was read is taken up again after wrong guesses and another end`, () => {
      const end = read + more;
      const required = lastBits(open(), text.slice(0, end));
      const runner = open();
      for (const _ of runner.feed(text.slice(0, read)));
      const mark = runner.mark();
      const guesses = [...text.slice(read, read + 2), ...text.slice(0, more)];
      assert.notDeepEqual(lastBits(runner, guesses), required);
      runner.rewind(mark, guesses, 2);
      assert.deepEqual(lastBits(runner, text.slice(read + 2, end)), required, 'after guesses');
      runner.rewind(mark, [], 0);
      const other = text.slice(0, 2 * more);
      const fresh = lastBits(open(), [...text.slice(0, read), ...other]);
      assert.deepEqual(lastBits(runner, other), fresh, 'another end');
      runner.rewind(mark, [], 0);
      assert.deepEqual(lastBits(runner, text.slice(read, end)), required, 'the first end again');
    });
  }
}
