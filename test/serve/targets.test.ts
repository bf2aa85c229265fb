/** The same requests on every target: chat, a stream, usage, and on a chip its cycles. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadChip } from '../../src/chip/index.ts';
import type { Target } from '../../src/compile/index.ts';
import { cpuTarget } from '../../src/target/cpu/index.ts';
import { jadeTarget } from '../../src/target/jade/index.ts';
import { referenceTarget } from '../../src/target/reference/index.ts';
import { serveDemo } from './testServer.ts';

const TARGETS: readonly (readonly [name: string, target: () => Target, cycles: boolean])[] = [
  ['reference', () => referenceTarget(), false],
  ['cpu', () => cpuTarget({ contextTokens: 256, threads: 2 }), false],
  ['jade', () => jadeTarget(loadChip('jade-nano'), { contextTokens: 256, batch: 16 }), true],
];

const ASKED = {
  model: 'qwen3-tiny',
  messages: [{ role: 'user' as const, content: '床前明月光' }],
  max_tokens: 4,
  temperature: 0,
};

for (const [name, target, hasCycles] of TARGETS) {
  test(`a server on ${name} answers at once and in a stream, both the same, and counts`, async (t) => {
    const { client, url } = await serveDemo(t, {}, target());
    const stream = await client.chat.completions.create({
      ...ASKED,
      ...{ stream: true, stream_options: { include_usage: true } },
    });
    // Together, so that they share steps.
    const [answer, chunks] = await Promise.all([
      client.chat.completions.create(ASKED),
      Array.fromAsync(stream),
    ]);
    const [choice] = answer.choices;
    const said = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
    assert.equal(said, choice!.message.content);
    assert.equal(choice!.finish_reason, 'length');
    assert.equal(answer.usage!.completion_tokens, ASKED.max_tokens);
    assert.equal(chunks.at(-1)!.usage!.total_tokens, answer.usage!.total_tokens);

    const metrics = await (await fetch(`${url}/metrics`)).text();
    assert.match(metrics, /^celadon:generation_tokens_total\S* 8$/m);
    const cycles = /^celadon:chip_cycles_total\S* (\d+)$/m.exec(metrics)?.[1];
    assert.equal(Number(cycles ?? 0) > 0, hasCycles);
  });
}
