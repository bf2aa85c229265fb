import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Rounds, writes } from './rounds.ts';

const read = (what: string, offsetBytes = 0) => ({ what, offsetBytes, written: false });
const write = (what: string, offsetBytes = 0) => ({ what, offsetBytes, written: true });

test('a step comes after those that write what it reads, and not after others', () => {
  const rounds = new Rounds();
  assert.equal(rounds.next([read('x'), write('q')]), 0);
  assert.equal(rounds.next([read('x'), write('k')]), 0);
  assert.equal(rounds.next([read('k'), write('cache')]), 1);
  assert.equal(rounds.next([read('q'), read('cache'), write('out')]), 2);
  assert.equal(rounds.next([read('x'), write('gate')]), 0);
});

test('a step comes after those that read what it overwrites', () => {
  const rounds = new Rounds();
  assert.equal(rounds.next([read('state'), write('out')]), 0);
  assert.equal(rounds.next([write('state')]), 1);
  assert.equal(rounds.next([write('state')]), 2);
  assert.equal(rounds.next([read('state'), write('other')]), 3);
});

test('pieces of one value are written together, and read when all are there', () => {
  const rounds = new Rounds();
  assert.equal(rounds.next([read('a'), write('both', 0)]), 0);
  assert.equal(rounds.next([read('b'), write('both', 64)]), 0);
  assert.equal(rounds.next([read('both', 32), write('out')]), 1);
});

test('kernels write where the table says, most of them to out', () => {
  assert.ok(writes('linear', 'out') && !writes('linear', 'x'));
  assert.ok(writes('append', 'state') && !writes('append', 'out'));
});
