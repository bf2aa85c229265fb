import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Grammar } from './constraint.ts';
import { Vocabulary } from './vocabulary.ts';

const END = 256;
const BYTES = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
const VOCABULARY = new Vocabulary([...BYTES, undefined]);

/** Whether a grammar takes a whole text. */
function takes(schema: unknown, text: string): boolean {
  return fits(Grammar.ofSchema(schema), text);
}

function fits(grammar: Grammar, text: string): boolean {
  const constraint = grammar.constrain(VOCABULARY, [END]);
  for (const byte of new TextEncoder().encode(text)) {
    const allowed = new Uint8Array(257).fill(1);
    constraint.restrict(allowed);
    if (allowed[byte] === 0) return false;
    constraint.accept(byte);
  }
  return constraint.complete;
}

function check(schema: unknown, right: readonly string[], wrong: readonly string[]): void {
  for (const text of right) assert.ok(takes(schema, text), `must take ${text}`);
  for (const text of wrong) assert.ok(!takes(schema, text), `must not take ${text}`);
}

test('strings have their lengths in characters, whatever they are spelled with', () => {
  check(
    { type: 'string', minLength: 1, maxLength: 2 },
    ['"a"', '"中😀"', String.raw`"\n\u00e9"`, String.raw`"\\\""`],
    ['""', '"abc"', '"a', '"\n"', String.raw`"\ud83d"`, String.raw`"\x"`, 'a'],
  );
});

test('bytes that are not UTF-8 are never text', () => {
  const constraint = Grammar.ofSchema({ type: 'string' }).constrain(VOCABULARY, [END]);
  constraint.accept(0x22);
  const allowed = new Uint8Array(257).fill(1);
  constraint.restrict(allowed);
  for (const byte of [0x80, 0xc0, 0xc1, 0xf5, 0xff, 0x0a])
    assert.equal(allowed[byte], 0, `${byte}`);
  for (const byte of [0x22, 0x5c, 0x61, 0xc2, 0xe0, 0xed, 0xf4]) assert.equal(allowed[byte], 1);
  constraint.accept(0xed);
  constraint.restrict(allowed.fill(1));
  assert.equal(allowed[0xa0], 0, 'surrogates');
});

test('numbers', () => {
  check(
    { type: 'number' },
    ['0', '-0.5', '12', '1e5', '1.25E-10'],
    ['01', '.5', '1.', '+1', '--1', '1e'],
  );
  check({ type: 'integer' }, ['0', '-7', '123'], ['1.0', '00', '-']);
});

test('integers within bounds are exactly those', () => {
  for (const [minimum, maximum] of [
    [-120, 35],
    [7, 7],
    [98, 1203],
    [0, 9],
    [-9, -8],
  ] as const) {
    const schema = { type: 'integer', minimum, maximum };
    for (let value = -1300; value <= 1300; value++) {
      const within = value >= minimum && value <= maximum;
      if (Math.abs(value - minimum) > 25 && Math.abs(value - maximum) > 25 && value % 61 !== 0)
        continue;
      assert.equal(takes(schema, String(value)), within, `${value} of ${minimum} to ${maximum}`);
    }
  }
  check({ type: 'integer', exclusiveMinimum: 1.5, exclusiveMaximum: 4 }, ['2', '3'], ['1', '4']);
});

test('numbers within whole bounds are exactly those', () => {
  const texts = ['0', '1', '2', '-1', '-2', '-3', '10', '99'].flatMap((whole) =>
    ['', '.5', '.01', '.999999999999'].map((fraction) => whole + fraction),
  );
  for (const least of [-2, -1, 0, 1]) {
    for (const most of [-1, 0, 1, 10]) {
      for (const [from, to] of [
        ['minimum', 'maximum'],
        ['exclusiveMinimum', 'exclusiveMaximum'],
      ] as const) {
        const schema = { anyOf: [{ type: 'null' }, { type: 'number', [from]: least, [to]: most }] };
        for (const text of texts) {
          const value = Number(text);
          const open = from !== 'minimum';
          const within = open ? value > least && value < most : value >= least && value <= most;
          assert.equal(takes(schema, text), within, `${text} of ${JSON.stringify(schema)}`);
        }
      }
    }
  }
  check({ type: 'number', minimum: 0 }, ['0', '123456.5'], ['-0', '-1', '0.0', '1e3']);
});

test('oneOf is taken where its schemas can be told apart', () => {
  const shape = (kind: string, name: string) => ({
    type: 'object',
    properties: { kind: { const: kind }, [name]: { type: 'integer' } },
    required: ['kind', name],
  });
  const $defs = { circle: shape('circle', 'radius'), square: shape('square', 'side') };
  const oneOf = [{ $ref: '#/$defs/circle' }, { $ref: '#/$defs/square' }];
  check(
    { oneOf, $defs, discriminator: { propertyName: 'kind' } },
    ['{"kind":"circle","radius":1}', '{"kind":"square","side":1}'],
    ['{"kind":"circle","side":1}'],
  );
  check({ oneOf: [{ type: 'string' }, { type: ['null', 'boolean'] }] }, ['"a"', 'null'], ['1']);
  check({ oneOf: [{ enum: [1, 2] }, { const: 3 }] }, ['1', '3'], ['4']);
  for (const alike of [
    [{ type: 'integer' }, { type: 'number' }],
    [{ enum: [1, 2] }, { const: 2 }],
    [{ $ref: '#' }, { $ref: '#' }],
    [{ properties: { a: { const: 1 } } }, { properties: { a: { const: 2 } } }],
    [{}, { type: 'null' }],
    [{ properties: {} }, { type: 'null' }],
  ]) {
    assert.throws(() => Grammar.ofSchema({ oneOf: alike }), { name: 'UnsupportedError' });
  }
});

test('properties come in their order, those that are required always', () => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'integer' }, b: { type: 'null' }, c: { const: 'x' } },
    required: ['b'],
    additionalProperties: false,
  };
  check(
    schema,
    ['{"b":null}', '{"a": 1, "b": null, "c": "x"}', '{\n  "b": null,\n  "c": "x"\n}'],
    ['{}', '{"b":null,"a":1}', '{"a":1,}', '{,"b":null}', '{"b":null,"d":1}', '{"b":1}'],
  );
});

test('other properties have other names', () => {
  const schema = {
    properties: { na: { type: 'null' }, 名: { type: 'null' } },
    additionalProperties: { type: 'integer' },
  };
  check(
    schema,
    ['{"na":null,"n":1,"name":2}', '{"名字":3}', '{}', '{"":1}', '{"é":1}'],
    ['{"na":1}', '{"名":1}', '{"x":null}', String.raw`{"n\u0061":1}`, '{"n":1,"na":null}'],
  );
});

test('arrays have their counts and their first items', () => {
  check(
    { items: { type: 'null' }, minItems: 1, maxItems: 2 },
    ['[null]', '[null, null]'],
    ['[]', '[null,null,null]'],
  );
  check({ type: 'array', maxItems: 0 }, ['[]'], ['[1]']);
  check({ prefixItems: [{ const: 1 }, { const: 2 }] }, ['[]', '[1]', '[1,2]'], ['[2]', '[1,2,3]']);
  check(
    { prefixItems: [{ const: 1 }], items: { const: 2 }, minItems: 2 },
    ['[1,2]', '[1,2,2,2]'],
    ['[1]', '[2,2]'],
  );
});

test('a schema may refer to itself, and to parts of itself', () => {
  const schema = {
    type: 'object',
    properties: { next: { $ref: '#' } },
    additionalProperties: false,
  };
  check(schema, ['{}', '{"next":{"next":{}}}'], ['{"next":null}']);
  const defined = { $defs: { 'a/b': { const: 1 } }, $ref: '#/$defs/a~1b' };
  check(defined, ['1'], ['2']);
  check({ anyOf: [{ $ref: '#' }, { const: 1 }] }, ['1'], ['2']);
});

test('what is allowed is valid JSON to any depth that is offered', () => {
  const text = `${'['.repeat(200)}${']'.repeat(200)}`;
  assert.ok(takes(true, text));
  assert.ok(!takes(true, '['.repeat(100_000)));
});

test('after the end nothing comes but the end', () => {
  const constraint = Grammar.ofSchema({ const: 1 }).constrain(VOCABULARY, [END]);
  constraint.accept(0x31);
  constraint.accept(END);
  const allowed = new Uint8Array(300).fill(1);
  constraint.restrict(allowed);
  assert.deepEqual([allowed.indexOf(1), allowed.lastIndexOf(1)], [END, END]);
  assert.throws(() => constraint.accept(0x31), { name: 'CeladonError' });
});

test('keywords that are not understood are refused by name', () => {
  for (const keyword of ['multipleOf', 'uniqueItems', 'not', 'if', 'colour']) {
    assert.throws(() => Grammar.ofSchema({ properties: { a: { [keyword]: 1 } } }), {
      name: 'UnsupportedError',
      message: new RegExp(`not "${keyword}"$`),
      where: 'the schema.properties.a',
    });
  }
  assert.throws(() => Grammar.ofSchema({ type: 'number', minimum: 0.5 }), {
    name: 'UnsupportedError',
  });
  assert.throws(() => Grammar.ofSchema({ $ref: 'https://example.com' }), {
    name: 'UnsupportedError',
  });
  assert.throws(() => Grammar.ofSchema({ const: 1, minimum: 0 }), { name: 'UnsupportedError' });
});

test('what is no schema is refused', () => {
  for (const schema of [
    { type: 'text' },
    { type: [] },
    { enum: 1 },
    { anyOf: [] },
    { required: 'a' },
    { properties: [] },
    { minLength: -1 },
    { minItems: 3, maxItems: 2 },
    { $ref: '#/$defs/none' },
    { minimum: '0', type: 'integer' },
    7,
    null,
  ]) {
    assert.throws(() => Grammar.ofSchema(schema), { name: 'UsageError' }, JSON.stringify(schema));
  }
});

test('a schema that nothing satisfies is refused', () => {
  const endless = { type: 'object', properties: { a: { $ref: '#' } }, required: ['a'] };
  const missing = {
    type: 'object',
    required: ['a'],
    properties: { b: {} },
    additionalProperties: false,
  };
  for (const schema of [
    false,
    endless,
    missing,
    { type: 'integer', minimum: 2, maximum: 1 },
    { $ref: '#' },
  ]) {
    assert.throws(() => Grammar.ofSchema(schema), {
      message: 'a grammar must allow some text that ends, not none',
    });
  }
});

test('schemas that would grow without bound are refused', () => {
  let deep: unknown = { type: 'null' };
  for (let i = 0; i < 100; i++) deep = { anyOf: [deep] };
  assert.throws(() => Grammar.ofSchema(deep), { name: 'UsageError' });
  for (let i = 0; i < 100_000; i++) deep = [deep];
  assert.throws(() => Grammar.ofSchema(deep), { name: 'UsageError' });
  const tooLarge = [
    { type: 'string', maxLength: 1e9 },
    { type: 'array', maxItems: 1e9 },
    { enum: [...'abcdefghij'].map((letter) => letter.repeat(20_000)) },
  ];
  for (const schema of tooLarge) {
    assert.throws(() => Grammar.ofSchema(schema), { name: 'CapacityError' });
  }
});

test('counts within counts do not multiply, and neither do references', () => {
  let nested: unknown = { type: 'string', maxLength: 1000 };
  for (let i = 0; i < 20; i++) nested = { type: 'array', items: nested, maxItems: 1000 };
  Grammar.ofSchema(nested);
  const $defs: Record<string, unknown> = { d0: { const: 1 } };
  for (let i = 0; i < 60; i++) {
    const $ref = `#/$defs/d${i}`;
    $defs[`d${i + 1}`] = { anyOf: [{ $ref }, { $ref }] };
  }
  check({ $defs, $ref: '#/$defs/d60' }, ['1'], ['2']);
  let open: unknown = { const: 1 };
  for (let i = 0; i < 30; i++) open = { additionalProperties: open };
  Grammar.ofSchema(open);
});

test('a grammar that can be read in too many ways fails its text, and no more', () => {
  const options = Array.from({ length: 5000 }, () => ({ type: 'array', items: { type: 'array' } }));
  assert.throws(() => takes({ anyOf: options }, '[[['), { name: 'CapacityError' });
});

test('so does one that makes each token a state of its own', () => {
  const words = Array.from({ length: 4096 }, (_, i) =>
    i.toString(2).padStart(12, '0').replaceAll('0', 'a').replaceAll('1', 'b'),
  );
  const tokens = words.map((word) => new TextEncoder().encode(word));
  const anyOf = Array.from({ length: 200 }, (_, i) => ({ pattern: `^[ab]*a[ab]{60}${i}$` }));
  const quote = tokens.length;
  const vocabulary = new Vocabulary([...tokens, Uint8Array.of(0x22), undefined]);
  const constraint = Grammar.ofSchema({ anyOf }).constrain(vocabulary, [quote + 1]);
  constraint.accept(quote);
  assert.throws(() => constraint.restrict(new Uint8Array(quote + 2).fill(1)), {
    message: 'a grammar must be followed with less work for one token',
  });
});

test('the same schema is worked out once', () => {
  const schema = { type: 'array', items: { enum: ['a', 'b'] } };
  assert.equal(Grammar.ofSchema(schema), Grammar.ofSchema(structuredClone(schema)));
  assert.notEqual(Grammar.ofSchema(schema), Grammar.ofSchema({ ...schema, maxItems: 2 }));
});

test('tokens of several bytes are allowed where all their bytes are', () => {
  const words = ['"', '":', '": ', 'a', 'ab', '"a": 1}', '{"', '{"a', 'b":', '"}', 'b'];
  const vocabulary = new Vocabulary([
    ...words.map((word) => new TextEncoder().encode(word)),
    undefined,
  ]);
  const schema = { properties: { ab: { type: 'string' } }, additionalProperties: false };
  const constraint = Grammar.ofSchema(schema).constrain(vocabulary, [words.length]);
  const allowedWords = (): string[] => {
    const allowed = new Uint8Array(words.length + 1).fill(1);
    constraint.restrict(allowed);
    return words.filter((_, i) => allowed[i] === 1);
  };
  assert.deepEqual(allowedWords(), ['{"', '{"a']);
  constraint.accept(words.indexOf('{"a'));
  assert.deepEqual(allowedWords(), ['b":', 'b']);
});

test('expressions are found where they are in JavaScript', () => {
  const sources = [
    '^a+b*$',
    'b',
    '^(?:ab|ba){2,3}$',
    '^[^a]$|^aa',
    '^a?.b$',
    String.raw`^\w\.\d$`,
    '^(a|)$',
    '^[a-b]{2}',
    'a$|^b',
    '',
  ];
  const texts = [
    '',
    ...'ab1.',
    'aa',
    'ab',
    'ba',
    'aab',
    'abab',
    'baabba',
    'b.1',
    'acb',
    'éa',
    '\n',
    'a\nb',
  ];
  for (const source of sources) {
    const grammar = Grammar.ofExpression(source);
    for (const text of texts) {
      const found = new RegExp(source, 'u').test(text);
      assert.equal(fits(grammar, text), found, `${source} in ${JSON.stringify(text)}`);
      const spelled = JSON.stringify(text);
      assert.equal(takes({ pattern: source }, spelled), found, `${source} in ${spelled}`);
    }
  }
});

test('expressions that are not understood are refused', () => {
  for (const source of [
    '(?=a)',
    '(?<!a)b',
    String.raw`a\b`,
    String.raw`(a)\1`,
    'a(^b)',
    'a(b$)',
    'a$b',
    String.raw`\p{L}`,
  ]) {
    assert.throws(() => Grammar.ofExpression(source), { name: 'UnsupportedError' }, source);
  }
  for (const source of ['(', 'a)', '[', '*', 'a{2,1}', '[b-a]', String.raw`\q`]) {
    assert.throws(() => Grammar.ofExpression(source), { name: 'UsageError' }, source);
  }
  assert.throws(() => Grammar.ofExpression('(((a{99}){99}){99}){99}'), { name: 'CapacityError' });
});

test('formats', () => {
  check({ format: 'date' }, ['"2026-11-28"'], ['"2026-13-01"', '"2026-02-30"']);
  check(
    { format: 'date-time' },
    ['"2026-11-28T10:20:30Z"', '"2026-11-28T10:20:30.5+08:00"'],
    ['"2026-11-28"'],
  );
  check({ format: 'uuid' }, ['"123e4567-e89b-12d3-a456-426614174000"'], ['"123e4567"']);
  check({ format: 'ipv4' }, ['"10.0.255.1"'], ['"10.0.256.1"', '"10.0.0"']);
  check({ format: 'email' }, ['"a.b@c.org"'], ['"a@b"', '"@c.org"']);
  for (const schema of [
    { format: 'iri' },
    { format: 'date', maxLength: 3 },
    { pattern: 'a', minLength: 1 },
  ]) {
    assert.throws(() => Grammar.ofSchema(schema), { name: 'UnsupportedError' });
  }
});

test('grammars in the words of llama.cpp', () => {
  const sums = Grammar.ofText(`
    # sums of numbers
    root   ::= term ("+" term)* "\\n"?
    term   ::= number |
               "(" root ")"
    number ::= [1-9] [0-9]{0,2} | "0"
  `);
  for (const text of ['1', '12+0', '(1+(203))+4', '1\n']) assert.ok(fits(sums, text), text);
  for (const text of ['', '01', '1+', '(1', '1234', '1\n\n']) assert.ok(!fits(sums, text), text);
  const left = Grammar.ofText('root ::= root "a" | "b"');
  assert.ok(fits(left, 'baaa'));
  const words = Grammar.ofText(String.raw`root ::= [^"\\\x41-\x43] . "\u4e2d"`);
  assert.ok(fits(words, 'D!中') && !fits(words, 'B!中') && !fits(words, '"!中'));
});

test('what is no grammar is refused with its place', () => {
  const cases = {
    'root ::= "a': 'grammar, character 12',
    'root = "a"': 'grammar, character 6',
    'root ::= ("a"': 'grammar, character 14',
    'root ::= "a" )': 'grammar, character 14',
    'root ::= "a" root ::= "b"': 'grammar, character 22',
    'a ::= "a"': 'grammar',
    'root ::= b': 'grammar',
    [`root ::= ${'('.repeat(100)}`]: 'grammar, character 75',
  };
  for (const [source, where] of Object.entries(cases)) {
    assert.throws(() => Grammar.ofText(source), { name: 'UsageError', where }, source);
  }
});
