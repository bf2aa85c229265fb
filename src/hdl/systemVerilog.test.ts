/** The generated text itself; that tools read it as meant is in systemVerilog.rtl.test.ts. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { counter } from './examples/counter.ts';
import { creditQueue } from './examples/creditQueue.ts';
import { defineModule } from './module.ts';
import type { Module, Signal } from './signal.ts';
import { systemVerilogFiles, toSystemVerilog } from './systemVerilog.ts';

for (const module of [counter(8), creditQueue(4, 8)] as readonly Module[]) {
  test(`${module.name} has the text in examples/ (UPDATE=1 rewrites it)`, () => {
    const path = join(import.meta.dirname, 'examples', `${module.name}.sv`);
    if (process.env.UPDATE) writeFileSync(path, toSystemVerilog(module));
    assert.equal(toSystemVerilog(module), readFileSync(path, 'utf8'));
  });
}

const macro = defineModule({
  name: 'SRAM_16x8',
  external: { clock: 'CLK', parameters: { DEPTH: 16 } },
  inputs: { ADDR: 4, WE: 1 },
  outputs: { Q: 8 },
});

test('an external module is instantiated with its own names', () => {
  const module = defineModule({
    name: 'store',
    inputs: { address: 4 },
    outputs: { data: 8 },
    body: ({ address }, m) => ({
      data: m.instance('bank', macro, { ADDR: address, WE: 0 }, 'Somebody else drew it.').Q,
    }),
  });
  assert.equal(
    toSystemVerilog(module),
    `module store (
  input  logic       clock,
  input  logic [3:0] address,
  output logic [7:0] data
);

  // Somebody else drew it.
  SRAM_16x8 #(.DEPTH(16)) bank (
    .CLK  (clock),
    .ADDR (address),
    .WE   (1'b0),
    .Q    (data)
  );

endmodule
`,
  );
});

test('the text of an external module is not ours to print', () => {
  assert.throws(() => toSystemVerilog(macro), {
    message: 'an external module has a file of its own, not one of ours',
    where: 'module SRAM_16x8',
  });
});

test('a module that keeps its hierarchy says so to Yosys and Verilator', () => {
  const module = defineModule({
    name: 'unit',
    comment: 'One of many.',
    keepHierarchy: true,
    inputs: { a: 2 },
    outputs: { y: 2 },
    body: ({ a }) => ({ y: a.not() }),
  });
  assert.equal(
    toSystemVerilog(module),
    `// One of many.
(* keep_hierarchy *)
module unit (
  input  logic [1:0] a,
  output logic [1:0] y
); /*verilator no_inline_module*/

  assign y = ~a;

endmodule
`,
  );
});

test('operators, a choice, a memory with initial words and an unnamed part have this text', () => {
  const module = defineModule({
    name: 'mixed',
    inputs: { a: 8, n: 2, write: 1 },
    outputs: { y: 16, half: 4, same: 8 },
    body({ a, n, write }, m) {
      const stored = m.memory('words', {
        words: 4,
        width: 8,
        init: [1, 2],
        read: { address: n },
        write: { address: n, data: a, enable: write },
        comment: 'some words',
      });
      const chosen = n.choose([a, a.sra(n), stored]).named('chosen', 'one of three');
      return { y: chosen.mulS(a), half: a.high(4), same: a };
    },
  });
  assert.equal(
    toSystemVerilog(module),
    `module mixed (
  input  logic        clock,
  input  logic [7:0]  a,
  input  logic [1:0]  n,
  input  logic        write,
  output logic [15:0] y,
  output logic [3:0]  half,
  output logic [7:0]  same
);

  // some words
  logic [7:0] words [0:3];
  logic [7:0] words_data;

  wire [7:0] sra_1 = $signed(a) >>> n;
  // one of three
  logic [7:0] chosen;
  always_comb
    case (n)
      2'h0: chosen = a;
      2'h1: chosen = sra_1;
      default: chosen = words_data;
    endcase
  assign y = 16'($signed(chosen)) * 16'($signed(a));
  assign half = a[7:4];
  assign same = a;

  always @(posedge clock) begin
    if (write) words[n] <= a;
    words_data <= words[n];
  end

  initial begin
    words[0] = 8'h1;
    words[1] = 8'h2;
  end

endmodule
`,
  );
});

function wrap(inner: Module, other: Module = inner): Module {
  const inputs = { enable: 1 };
  return defineModule({
    name: 'top',
    inputs,
    outputs: { x: 8, y: 8 },
    body: ({ enable }, m) => ({
      x: m.instance('first', inner, { enable }).count,
      y: m.instance('second', other, { enable }).count,
    }),
  });
}

test('a module is a file, once, before those that use it', () => {
  const files = systemVerilogFiles(wrap(counter(8) as Module, counter(8) as Module));
  assert.deepEqual([...files.keys()], ['counter_8.sv', 'top.sv']);
});

test('two different modules of one name are refused', () => {
  const other = defineModule({
    name: 'counter_8',
    inputs: { enable: 1 },
    outputs: { count: 8 },
    body: () => ({ count: 0 }),
  });
  assert.throws(() => systemVerilogFiles(wrap(counter(8) as Module, other as Module)), {
    message: 'modules of one name must be equal, not two different counter_8',
    where: 'module top',
    hint: 'put what differs into the name',
  });
});

test('a module of 50,000 signals and 1,000 ports is printed, a line for each', () => {
  const count = 1000;
  const ports = (prefix: string): Record<string, number> =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`${prefix}${i}`, 32]));
  const module = defineModule({
    name: 'many_signals',
    inputs: ports('in'),
    outputs: ports('out'),
    body(inputs) {
      const signals: Signal[] = Object.values(inputs);
      for (let i = 0; i < 50_000; i++)
        signals.push(signals[(i * 7919) % (i + 1)].add(signals.at(-1)!));
      return Object.fromEntries(signals.slice(-count).map((signal, i) => [`out${i}`, signal]));
    },
  });
  const outer = defineModule({
    name: 'outer',
    inputs: { x: 32 },
    outputs: { y: 32 },
    body({ x }, m) {
      const drivers = Object.keys(module.inputs).map((port) => [port, x]);
      return { y: m.instance('inner', module, Object.fromEntries(drivers)).out7 };
    },
  });
  assert.equal(toSystemVerilog(module).match(/ \+ /g)?.length, 50_000);
  assert.equal(systemVerilogFiles(outer).size, 2);
});
