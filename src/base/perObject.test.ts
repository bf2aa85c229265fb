import assert from 'node:assert/strict';
import { test } from 'node:test';
import { perObject } from './perObject.ts';

test('each object is computed once, and one that is undefined too', () => {
  let count = 0;
  const nameOf = perObject(({ name }: { readonly name?: string }) => (count++, name));
  const [a, none] = [{ name: 'a' }, {}];
  assert.deepEqual(
    [nameOf(a), nameOf(none), nameOf(a), nameOf(none)],
    ['a', undefined, 'a', undefined],
  );
  assert.equal(count, 2);
  assert.equal(nameOf({ name: 'a' }), 'a');
  assert.equal(count, 3);
});
