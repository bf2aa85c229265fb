import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CeladonError } from '../base/index.ts';
import type { FunctionBuilder } from './function.ts';
import { ModuleBuilder } from './module.ts';
import type { Frame } from './operandStack.ts';
import { compileModule, instantiate } from './runtime.ts';
import type { Local, ValueType } from './types.ts';

type Body = (f: FunctionBuilder, params: Readonly<Record<string, Local>>) => void;

/** Builds and instantiates an exported function of i32 parameters with one i32 result. */
function run(params: readonly string[], body: Body): (...args: number[]) => number {
  const module = new ModuleBuilder();
  const types = Object.fromEntries(params.map((name) => [name, 'i32'] as const));
  module.addFunction('f', { params: types, results: ['i32'], exported: true }, body);
  const compiled = compileModule(module.encode());
  return instantiate<{ f: (...args: number[]) => number }>(compiled).f;
}

function assertMisuse(body: Body, message: string, results: readonly ValueType[] = []): void {
  const module = new ModuleBuilder();
  const build = (): unknown => module.addFunction('bad', { params: { x: 'i32' }, results }, body);
  assert.throws(build, (error) => error instanceof CeladonError && error.message === message);
}

test('a block is left at its end by a branch, with its result', () => {
  const f = run(['x'], (f, { x }) =>
    f.block((end) => {
      f.i32(7).get(x!).emit('br_if', end);
      f.emit('drop').i32(9);
    }, 'i32'),
  );
  assert.deepEqual([f(0), f(1)], [9, 7]);
});

test('a branch may carry a result of another type than its condition', () => {
  const f = run(['x'], (f, { x }) => {
    f.block((end) => {
      f.emit('f32.const', 2.5).get(x!).emit('br_if', end);
      f.emit('f32.const', 2).emit('f32.mul');
    }, 'f32');
    f.emit('i32.trunc_f32_s');
  });
  assert.deepEqual([f(0), f(1)], [5, 2]);
});

test('a branch to an outer block skips what is left of both', () => {
  const f = run(['x'], (f, { x }) => {
    f.block((outer) => {
      f.block(() => f.get(x!).emit('br_if', outer));
      f.i32(100).set(x!);
    });
    f.get(x!);
  });
  assert.deepEqual([f(0), f(3)], [100, 3]);
});

test('a loop starts again at a branch to its label', () => {
  const factorial = run(['n'], (f, { n }) => {
    const product = f.local('i32', 'product');
    f.i32(1).set(product);
    f.loop((again) => {
      f.get(product).get(n!).emit('i32.mul').set(product);
      f.get(n!).i32(1).emit('i32.sub').tee(n!).emit('br_if', again);
    });
    f.get(product);
  });
  assert.equal(factorial(10), 3628800);
});

test('an if with an else leaves the result of the body that ran', () => {
  const f = run(['x'], (f, { x }) =>
    f.get(x!).if(
      () => f.i32(1),
      () => f.i32(2),
      'i32',
    ),
  );
  assert.deepEqual([f(5), f(0)], [1, 2]);
});

test('an if without an else may be skipped', () => {
  const f = run(['x'], (f, { x }) => {
    f.get(x!).if(() => f.i32(-1).set(x!));
    f.get(x!);
  });
  assert.deepEqual([f(5), f(0)], [-1, 0]);
});

test('return leaves the function from inside its blocks', () => {
  const f = run(['x'], (f, { x }) => {
    f.get(x!).if(() => f.i32(1).emit('return'));
    f.i32(2);
  });
  assert.deepEqual([f(1), f(0)], [1, 2]);
});

test('select takes the first operand when the condition is not zero', () => {
  const f = run(['x'], (f, { x }) => f.i32(10).i32(20).get(x!).emit('select'));
  assert.deepEqual([f(1), f(0)], [10, 20]);
});

test('a counted loop runs for start, start + step, ... below its end', () => {
  const weighted = run(['start', 'end', 'step'], (f, { start, end, step }) => {
    const i = f.local('i32', 'i');
    const sum = f.local('i32', 'sum');
    f.forLoop(i, start!, end!, step!, () =>
      f.get(sum).i32(31).emit('i32.mul').get(i).emit('i32.add').set(sum),
    );
    f.get(sum);
  });
  const expected = (values: number[]): number => values.reduce((sum, i) => sum * 31 + i, 0);
  assert.equal(weighted(2, 5, 1), expected([2, 3, 4]));
  assert.equal(weighted(2, 9, 3), expected([2, 5, 8]));
  assert.equal(weighted(2, 8, 3), expected([2, 5]));
  assert.equal(weighted(5, 5, 1), 0);
  assert.equal(weighted(6, 5, 1), 0);
});

test('a counted loop compares unsigned, so pointers above 2^31 work', () => {
  const rounds = run(['start', 'end'], (f, { start, end }) => {
    const sum = f.local('i32', 'sum');
    f.forLoop(start!, start!, end!, 16, () => f.advance(sum, 1));
    f.get(sum);
  });
  assert.equal(rounds(2 ** 31 - 32, 2 ** 31 + 32), 4);
});

test('a table of labels goes where its operand says, and elsewhere for all others', () => {
  const f = run(['x'], (f, { x }) => {
    f.block((others) => {
      f.block((one) => {
        f.block((zero) => f.get(x!).emit('br_table', [zero, one], others));
        f.i32(10).emit('return');
      });
      f.i32(20).emit('return');
    });
    f.i32(30);
  });
  assert.deepEqual([f(0), f(1), f(2), f(-1)], [10, 20, 30, 30]);
  assertMisuse(
    (f) => f.block((a) => f.block((b) => f.i32(0).emit('br_table', [b], a), 'i32'), 'i32'),
    'function bad: br_table must have i32 i32, not i32',
  );
  assertMisuse(
    (f) => f.block((a) => f.loop((b) => f.i32(0).i32(0).emit('br_table', [b], a)), 'i32'),
    'function bad: br_table must have labels of i32, not of nothing',
  );
});

test('a call passes its operands in order', () => {
  const module = new ModuleBuilder();
  const i32 = 'i32' as const;
  const spec = { params: { a: i32, b: i32 }, results: [i32] };
  const minus = module.addFunction('minus', spec, (f) => f.get('a').get('b').emit('i32.sub'));
  module.addFunction('twice', { ...spec, exported: true }, (f) =>
    f.get('a').get('b').emit('call', minus).i32(2).emit('i32.mul'),
  );
  const compiled = compileModule(module.encode());
  const { twice } = instantiate<{ twice: (a: number, b: number) => number }>(compiled);
  assert.equal(twice(10, 4), 12);
});

test('code after a jump may ask for operands of any type', () => {
  const f = run([], (f) => f.i32(3).emit('return').emit('f32.add').emit('i32.trunc_f32_s'));
  assert.equal(f(), 3);
});

test('a missing operand is reported with the function and the instruction', () => {
  assertMisuse((f) => f.i32(1).emit('i32.add'), 'function bad: i32.add must have i32 i32, not i32');
  assertMisuse(
    (f) => f.emit('drop'),
    'function bad: drop must have an operand, not an empty stack',
  );
});

test('an operand of another type is reported with what the stack holds', () => {
  assertMisuse(
    (f) => f.i32(1).emit('f32.const', 1).emit('i32.add'),
    'function bad: i32.add must have i32 i32, not i32 f32',
  );
  assertMisuse(
    (f) => f.emit('f32.const', 1).set('x'),
    'function bad: local.set must have i32, not f32',
  );
  assertMisuse(
    (f) => f.i32(1).emit('f32.const', 1).i32(0).emit('select'),
    'function bad: select must have two operands of one type, not i32 f32',
  );
});

test('a block cannot use operands from outside it', () => {
  assertMisuse(
    (f) => f.i32(1).block(() => f.emit('drop')),
    'function bad: drop must have an operand, not an empty stack',
  );
});

test('a block that leaves too much or too little is reported at its end', () => {
  assertMisuse(
    (f) => f.block(() => f.i32(1)),
    'function bad: end must have a block that leaves nothing, not i32',
  );
  assertMisuse(
    (f) => f.loop(() => {}, 'f32'),
    'function bad: end must have f32, not an empty stack',
  );
  assertMisuse(
    (f) => f.i32(1).if(() => f.i32(1), undefined, 'i32'),
    'function bad: end must have an else that leaves i32, not none',
  );
});

test('a function that does not leave its results is reported', () => {
  assertMisuse(() => {}, 'function bad: end of function must have i64, not an empty stack', [
    'i64',
  ]);
  assertMisuse(
    (f) => f.i32(1),
    'function bad: end of function must have a function that leaves nothing, not i32',
  );
});

test('blocks that do not pair up are reported', () => {
  assertMisuse((f) => f.emit('end'), 'function bad: end must have an open block, not function');
  assertMisuse((f) => f.emit('else'), 'function bad: else must have an open if, not function');
  assertMisuse(
    (f) => f.emit('block'),
    'function bad: end of function must have every block closed, not block open',
  );
});

test('a label cannot be used after its block', () => {
  let escaped: Frame | undefined;
  assertMisuse((f) => {
    f.block((label) => (escaped = label));
    f.emit('br', escaped!);
  }, 'function bad: br must have the label of an open block, not a closed one');
});

test('a local must be one of the function, by handle or by name', () => {
  const other = { index: 0, name: 'y', type: 'i32' as const };
  assertMisuse((f) => f.get(other), 'function bad: local.get must have its own local, not y');
  assertMisuse((f) => f.get('z'), 'function bad: local.get must have one of x, not z');
  assertMisuse((f) => f.local('f32', 'x'), "function bad: a local's name must be new, not x");
});

test('an immediate out of range is reported with the function and the instruction', () => {
  assertMisuse(
    (f) => f.i32(2 ** 32),
    'function bad: i32.const: an i32 must be an integer in [-2^31, 2^32), not 4294967296',
  );
  assertMisuse(
    (f) => f.emit('v128.const', new Uint8Array(16)).emit('i32x4.extract_lane', 4),
    'function bad: i32x4.extract_lane: a lane must be an integer in [0, 4), not 4',
  );
  assertMisuse(
    (f) => f.emit('v128.const', new Uint8Array(8)),
    'function bad: v128.const: 16 values of byte are required, not 8',
  );
});
