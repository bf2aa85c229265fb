/** How fast texts become tokens, and replies become messages. */
import fs from 'node:fs';
import { Random } from '../src/base/index.ts';
import { chatOfModelType, type Tokenizer } from '../src/model/index.ts';
import { openPublishedTokenizer } from '../test/text/goldenTokenizers.ts';
import { timed, type Table } from './table.ts';

const CHARACTERS = 1_000_000;
const PIECE_CHARACTERS = 4;

const random = new Random(1);
const letters = (count: number): string =>
  String.fromCharCode(...Array.from({ length: count }, () => 97 + random.int(26)));
const read = (file: string): string =>
  fs.readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const filled = (text: string): string =>
  text.repeat(Math.ceil(CHARACTERS / text.length)).slice(0, CHARACTERS);

const TEXTS: Readonly<Record<string, string>> = {
  English: filled(read('docs/verification.md')),
  Chinese: filled(read('README.zh.md').replace(/[^\p{Script=Han}，。、：]/gu, '')),
  TypeScript: filled(read('src/ir/ops.table.ts')),
  'one word of random letters': Array.from({ length: CHARACTERS / 1000 }, () => letters(1000)).join(
    '',
  ),
  'one letter': 'a'.repeat(CHARACTERS),
  spaces: ' '.repeat(CHARACTERS),
  newlines: '\n'.repeat(CHARACTERS),
  digits: '7'.repeat(CHARACTERS),
};

export function benchText(): Table[] {
  const tokenizers = ['qwen3', 'deepseek_v4'].map(
    (name) => [name, openPublishedTokenizer(name)] as const,
  );
  return [
    {
      title: 'Texts of a million characters to tokens',
      notes: [
        'CPU seconds of the second of two runs. The last five are the worst for merging and splitting.',
      ],
      columns: ['text', ...tokenizers.flatMap(([name]) => [`${name} tokens`, 's'])],
      rows: Object.entries(TEXTS).map(([name, text]) => [
        name,
        ...tokenizers.flatMap(([, tokenizer]) => encoded(tokenizer, text)),
      ]),
    },
    replyTable(),
  ];
}

function encoded(tokenizer: Tokenizer, text: string): (string | number)[] {
  tokenizer.encode(text);
  const { result, seconds } = timed(() => tokenizer.encode(text));
  return [result.length, seconds.toFixed(2)];
}

function replyTable(): Table {
  const call = `\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="write">\n<｜DSML｜parameter name="text" string="true">`;
  const replies = {
    text: TEXTS['English']!,
    'one argument': call + TEXTS['TypeScript']!,
    'a mark begun again and again': '<'.repeat(CHARACTERS),
  };
  return {
    title: `Replies of a million characters, in pieces of ${PIECE_CHARACTERS}`,
    notes: ['DeepSeek-V4. CPU seconds of one run.'],
    columns: ['reply', 'events', 's'],
    rows: Object.entries(replies).map(([name, reply]) => {
      const { result, seconds } = timed(() => eventsOf(reply));
      return [name, result, seconds.toFixed(2)];
    }),
  };
}

function eventsOf(reply: string): number {
  const parser = chatOfModelType('deepseek_v4')!.startReply('</think>');
  let events = 0;
  for (let at = 0; at < reply.length; at += PIECE_CHARACTERS)
    events += parser.push(reply.slice(at, at + PIECE_CHARACTERS)).length;
  return events + parser.end().length;
}
