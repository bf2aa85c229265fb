import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { FormatError } from '../base/index.ts';
import { integer, requireSchema } from './schema.ts';

test('everything that breaks a schema is said at once: field, requirement, value', () => {
  const schema = z.strictObject({
    a: integer(1, 3),
    b: z.object({ c: integer(0, 9) }, 'an object'),
  });
  assert.throws(() => requireSchema(schema, { a: 4, b: {}, d: 1, e: 2 }, 'x.json'), {
    name: 'FormatError',
    message:
      'a must be an integer from 1 to 3, not 4; b.c must be an integer from 0 to 9, but it is absent; ' +
      'content must have known fields only, not ["d", "e"]',
    where: 'x.json',
    hint: 'correct the file, or get it again',
  } satisfies Partial<FormatError>);
});
