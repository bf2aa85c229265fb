import assert from 'node:assert/strict';
import { test } from 'node:test';
import { javascriptOf } from './cellFunction.ts';
import { readLibrary } from './cellLibrary.ts';
import { groupsNamed, numbersOf, parseLiberty, printLiberty, textOf } from './liberty.ts';
import { testLibrary } from '../../../scripts/area/testLibrary.ts';

test('a Liberty file is read with comments, continued lines and missing semicolons, and printed again', () => {
  const library = parseLiberty(testLibrary());
  assert.equal(textOf(library, 'time_unit'), '1ps');
  assert.equal(textOf(library, 'nom_process'), '1');
  const [template] = groupsNamed(library, 'lu_table_template');
  assert.deepEqual(numbersOf(template!, 'index_1'), [1, 10, 100]);
  assert.deepEqual(parseLiberty(printLiberty(library)), library);
});

test('what ends the grammar is an error with its line', () => {
  assert.throws(
    () => parseLiberty('library (a) {\n  cell (b) {\n'),
    /a token here, at or before line/,
  );
  assert.throws(() => parseLiberty('library (a) {\n  cell }'), /":" or "\("/);
});

/** The function's value for all inputs, A toggling fastest. */
function truthTable(text: string): string {
  const columns: Record<string, number> = { A: 0b10101010, B: 0b11001100, C: 0b11110000 };
  const body = `return ${javascriptOf(text, (pin) => String(columns[pin]))};`;
  const value = new Function(body)() as number;
  return (value & 255).toString(2).padStart(8, '0');
}

test('functions are read in all the ways that libraries write them', () => {
  assert.equal(truthTable("(A B)'"), truthTable('!(A & B)'));
  assert.equal(truthTable('A * B + C'), truthTable('(A & B) | C'));
  assert.equal(truthTable("A'B"), truthTable('!A & B'));
  assert.equal(truthTable('A ^ B C'), '01100000');
  assert.equal(truthTable('!A | 0'), '01010101');
  assert.equal(truthTable('1'), '11111111');
  assert.throws(() => truthTable('A +'), /must be an expression/);
  assert.throws(() => truthTable('(A'), /must be an expression/);
});

test('a library keeps gates and its smallest plain flop, without scan, latches and second outputs', () => {
  const { cells, flop, flopOverheadPs, names, text } = readLibrary([testLibrary()]);
  const expected = ['INV', 'BUF', 'NAND2', 'NOR2', 'XOR2', 'AOI21', 'DFF'];
  assert.deepEqual([...cells.keys()], expected);
  assert.deepEqual(names, ['test']);
  assert.equal(flop.name, 'DFF');
  assert.equal(flop.output, 'Q');
  assert.ok(!/pin \(QN\)|LATCH|internal_power/.test(text));
  assert.equal(flopOverheadPs, 20 + 4 + 5 + 4); // driving four data pins, and setup in the middle
});

test('energies follow the load and stop at the edge of the table', () => {
  const { cells } = readLibrary([testLibrary()]);
  const { energy, inputs } = cells.get('NAND2')!;
  assert.deepEqual([0, 1, 3, 4, 9].map(energy), [2, 2, 4, 5, 5]);
  assert.equal(inputs[0]!.capacitanceFf, 1);
  assert.equal(cells.get('DFF')!.inputs[0]!.energy(0), 2); // the mean of both edges
});

test('several files are one library', () => {
  const [head, tail] = ['cell (INV)', 'cell (BUF)'].map((cell) =>
    testLibrary().replace(cell, 'cell (unused)'),
  );
  const { cells } = readLibrary([head!, tail!]);
  assert.ok(cells.has('INV') && cells.has('BUF'));
});
