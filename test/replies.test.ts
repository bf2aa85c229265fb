/** Replies of each dialect, whole and cut anywhere: known cases, and random malformed ones. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Random } from '../src/base/index.ts';
import { DIALECTS, type DialectName } from '../src/model/chat/dialects.table.ts';
import { ReplyParser, type ReplyOptions } from '../src/model/chat/reply.ts';
import { messageOf, type ReplyEvent, type Tool } from '../src/model/index.ts';
import { REPLIES, type Expected } from './text/replies/cases.ts';
import { FRAGMENTS } from './text/replies/fragments.ts';

/** Reads a reply that comes in the pieces given. */
function read(
  dialect: DialectName,
  pieces: readonly string[],
  options: ReplyOptions = {},
): ReplyEvent[] {
  const parser = new ReplyParser(DIALECTS[dialect], options);
  return [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()];
}

/** What a reply says, free of how its events were cut. */
function summary(events: readonly ReplyEvent[]): Required<Expected> {
  const { content, reasoning_content: reasoning = '', tool_calls: calls = [] } = messageOf(events);
  const ends = events.filter((event) => event.kind === 'callEnd');
  return {
    content: content ?? '',
    reasoning,
    calls: calls.map(({ function: { name, arguments: text } }) => [name, text]),
    complete: ends.map(({ complete }) => complete),
  };
}

function randomPieces(text: string, random: Random): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = 1 + random.int(random.int(4) === 0 ? 40 : 4);
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

for (const [dialect, replies] of Object.entries(REPLIES)) {
  describe(dialect, () => {
    for (const { name, text, thinking = false, tools = [], ...expected } of replies) {
      const options = { thinking, tools };
      const pieces = (cut: readonly string[]) =>
        summary(read(dialect as DialectName, cut, options));
      test(name, () => {
        const whole = {
          content: '',
          reasoning: '',
          calls: [],
          complete: (expected.calls ?? []).map(() => true),
          ...expected,
        };
        assert.deepEqual(pieces([text]), whole);
        for (let at = 1; at < text.length; at++)
          assert.deepEqual(pieces([text.slice(0, at), text.slice(at)]), whole, `cut at ${at}`);
        assert.deepEqual(pieces([...text].flatMap((character) => character.split(''))), whole);
      });
    }
  });
}

/** A reply of marks and words in any order; each word is another. */
function randomReply(fragments: readonly string[], random: Random): string {
  const parts = Array.from({ length: 1 + random.int(14) }, (_, index) =>
    random.int(3) === 0 ? `w${index}x` : fragments[random.int(fragments.length)]!,
  );
  return parts.join(['', '', '\n', ' '][random.int(4)]);
}

test('however malformed, a reply is the same in any pieces and loses no word', () => {
  const random = new Random(1);
  for (const dialect of Object.keys(DIALECTS) as DialectName[]) {
    for (let i = 0; i < 1500; i++) {
      const text = randomReply(FRAGMENTS[dialect], random);
      const thinking = random.int(2) === 0;
      const whole = summary(read(dialect, [text], { thinking }));
      for (let cut = 0; cut < 3; cut++) {
        const again = summary(read(dialect, randomPieces(text, random), { thinking }));
        assert.deepEqual(again, whole, JSON.stringify(text));
      }
      const kept = JSON.stringify(whole);
      for (const [word] of text.matchAll(/w\d+x/g))
        assert.ok(kept.includes(word), `${word} of ${JSON.stringify(text)}`);
    }
  }
});

test('complete calls have arguments that are JSON, whatever the values are', () => {
  const random = new Random(2);
  for (const dialect of ['qwenXml', 'deepseekV32', 'deepseekV4', 'deepseekV41'] as const) {
    for (let i = 0; i < 2000; i++) {
      const { calls, complete } = summary(read(dialect, [randomReply(FRAGMENTS[dialect], random)]));
      assert.equal(calls.length, complete.length);
      for (const [call, [, text]] of calls.entries())
        if (complete[call]) assert.equal(typeof JSON.parse(text), 'object');
    }
  }
});

test('a stream shows text and arguments as they come', () => {
  const parser = new ReplyParser(DIALECTS.qwenXml, { thinking: true });
  assert.deepEqual(parser.push('so\nfar'), [{ kind: 'reasoning', text: 'so\nfar' }]);
  assert.deepEqual(parser.push('\n</thi'), []);
  assert.deepEqual(parser.push('nk>\n\nI look.\n<tool_call>\n<function=f>\n<parameter=a>\nx"y'), [
    { kind: 'content', text: 'I look.' },
    { kind: 'callBegin', call: 0, name: 'f' },
    { kind: 'callArguments', call: 0, text: '{"a": "x\\"y' },
  ]);
  assert.deepEqual(parser.push('z\n</parameter>'), [
    { kind: 'callArguments', call: 0, text: 'z"' },
  ]);
  assert.deepEqual(parser.push('</function></tool_call>'), [
    { kind: 'callArguments', call: 0, text: '}' },
    { kind: 'callEnd', call: 0, complete: true },
  ]);
  assert.deepEqual(parser.end(), []);
});

test('a value is text or JSON as the schema of the tool says', () => {
  const parameters = {
    type: 'object',
    properties: {
      text: { type: 'string' },
      count: { type: 'integer' },
      list: { type: 'array' },
      either: { type: ['integer', 'string'] },
      any: { anyOf: [{ type: 'number' }, { type: 'null' }] },
      free: {},
    },
  };
  const tools: Tool[] = [{ type: 'function', function: { name: 'f', parameters } }];
  const value = (name: string, text: string): unknown => {
    const reply = `<tool_call><function=f><parameter=${name}>\n${text}\n</parameter></function></tool_call>`;
    const [call] = summary(read('qwenXml', [reply], { tools })).calls;
    return (JSON.parse(call![1]) as Record<string, unknown>)[name];
  };
  assert.equal(value('text', '12'), '12');
  assert.equal(value('count', '12'), 12);
  assert.equal(value('count', 'twelve'), 'twelve');
  assert.deepEqual(value('list', '[1, "a"]'), [1, 'a']);
  assert.equal(value('either', '12'), '12');
  assert.equal(value('any', 'None'), null);
  assert.equal(value('free', '12'), '12');
  assert.equal(value('unknown', 'true'), 'true');
});

test('long replies are read in time that grows with their length', () => {
  const calls = '<tool_call>{'.repeat(20_000);
  assert.equal(summary(read('qwenJson', [calls])).content, calls);
  const tags = '<function=f><parameter=a>'.repeat(20_000);
  assert.equal(summary(read('qwenXml', [`<tool_call>${tags}`])).calls.length, 1);
});
