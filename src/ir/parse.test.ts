import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FormatError, Random, ShapeError, UsageError } from '../base/index.ts';
import { parseGraph } from './parse.ts';
import { printGraph } from './print.ts';
import { verify } from './verify.ts';

const TEXT = `graph "a layer"
%0 = input() {"name":"tokens"} : i32[B,T]
%1 = weight() {"name":"table"} : f32[100,64]
%2 = embedding(%0, %1) : f32[B,T,64] ; embed_tokens
%3 = splitHeads(%2) {"heads":2} : f32[B,T,2,32]
%4 = input() {"name":"position"} : i32[B]
%5 = rotaryEmbedding(%3, %4) {"layout":"half","frequencies":[1,0.5,0.25,0.1,1,1,1,1,1,1,1,1,1,1,1,1],"magnitude":1.5} : f32[B,T,2,32]
%6 = quantize(%5) {"format":"mxint8","group":32,"search":false} : mxint8[B,T,2,32]
%7 = state() {"name":"kv"} : mxint8[B,S,2,32]
%8 = append(%7, %6, %4) : mxint8[B,S,2,32]
%9 = attention(%6, %8, %8, %4) {"scale":0.125,"valueWidth":32} : f32[B,T,2,32]
%10 = mergeHeads(%9) : f32[B,T,64] ; layers.0
%11 = route(%10) {"scoring":"sigmoid","topK":2,"groups":4,"topGroups":2,"normalize":true,"scale":2.5} : f32[B,T,64]
%12 = argMax(%11) : i32[B,T]
output gates = %11
output next = %12
state kv = %8
`;

test('what is printed is read back to the same graph', () => {
  const graph = parseGraph(TEXT);
  verify(graph);
  assert.equal(graph.name, 'a layer');
  assert.equal(graph.outputs.get('next')!.inputs[0], graph.outputs.get('gates'));
  assert.deepEqual(graph.outputs.get('gates')!.attrs, {
    scoring: 'sigmoid',
    topK: 2,
    groups: 4,
    topGroups: 2,
    normalize: true,
    scale: 2.5,
  });
  assert.equal(printGraph(parseGraph(printGraph(graph))), printGraph(graph));
});

test('lines may end in the way of Windows', () => {
  const graph = parseGraph(TEXT.replaceAll('\n', '\r\n'));
  assert.equal(printGraph(graph), printGraph(parseGraph(TEXT)));
});

test('weights that came from text cannot be loaded', () => {
  const { weights } = parseGraph(TEXT);
  assert.deepEqual(weights.get('table')!.shape, [100, 64]);
  assert.throws(() => weights.get('table')!.load(), {
    name: UsageError.name,
    message: 'running a graph must have its weights, not its text alone',
    where: 'weight table',
  });
});

const PIECES = [
  '%',
  '0',
  '7',
  '-1',
  '1e9',
  '(',
  ')',
  '[',
  ']',
  '{',
  '}',
  '"',
  '\\',
  ' ',
  ', ',
  ' : ',
  ' ; ',
].concat([
  'B',
  'T',
  'S',
  'f32',
  'mxfp4',
  'null',
  'NaN',
  '{"heads":3}',
  'silu',
  'append',
  'output ',
  'state ',
  '\n',
  '\u0000',
  '\u{1f600}',
]);

/** The text with a few characters taken out, put in, doubled or exchanged. */
function damaged(text: string, random: Random): string {
  let result = text;
  for (let i = random.int(4); i >= 0; i--) {
    const at = random.int(result.length);
    const end = Math.min(result.length, at + random.int(random.int(4) === 0 ? 80 : 4));
    const other = random.int(TEXT.length);
    const inserted = [PIECES[random.int(PIECES.length)]!, TEXT.slice(other, other + 20), ''];
    result = result.slice(0, at) + inserted[random.int(3)] + result.slice(end);
  }
  return result;
}

test('damaged text is refused with a place, or is another graph that prints and reads back', () => {
  const random = new Random(11);
  let graphs = 0;
  for (let i = 0; i < 5000; i++) {
    const text = damaged(TEXT, random);
    try {
      const graph = parseGraph(text, 'fuzz');
      assert.equal(printGraph(parseGraph(printGraph(graph))), printGraph(graph), text);
      graphs++;
      verify(graph);
    } catch (error) {
      const known = error instanceof FormatError || error instanceof ShapeError;
      assert.ok(known, `${String(error)}\n${text}`);
      assert.match(error.where!, error instanceof FormatError ? /^fuzz/ : /^graph /);
    }
  }
  assert.ok(graphs > 100, `${graphs} graphs are too few to test anything`);
});
