/**
 * Every checkpoint of golden/ under the engine that serves many, on every target that runs it: what a
 * request gets is what it gets alone, token by token and, on targets that promise it, bit by bit of all
 * logits, whoever comes and goes beside it, with a beginning that was there already, after it was
 * sent away and taken up again, and with guesses right and wrong.
 */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { loadChip } from '../src/chip/index.ts';
import { lowerGraph, type Target } from '../src/compile/index.ts';
import { Engine, lookupDrafts, type DraftSource, type EngineOptions } from '../src/engine/index.ts';
import { topologicalOrder, type Graph } from '../src/ir/index.ts';
import { loadModel } from '../src/model/index.ts';
import { cpuTarget } from '../src/target/cpu/index.ts';
import { jadeTarget } from '../src/target/jade/index.ts';
import { referenceTarget } from '../src/target/reference/index.ts';
import { serveAll, type Served, type Visit } from './serving.ts';
import { alone as aloneOn, requireEmpty, serveAtRandom } from './servingAtRandom.ts';
import { smallModel } from './smallModel.ts';

const FOLDER = path.join(import.meta.dirname, 'golden');
const CONTEXT = 128;
const BLOCK = 8;

/** The simulator is given fewer and shorter requests. */
const SUBJECTS: readonly {
  target: Target;
  requests: number;
  prompt: number;
  generated: number;
  bits: boolean;
}[] = [
  { target: referenceTarget(), requests: 16, prompt: 34, generated: 12, bits: true },
  { target: cpuTarget(), requests: 16, prompt: 34, generated: 12, bits: false },
  {
    target: jadeTarget(loadChip('jade-edge'), { contextTokens: CONTEXT, batch: 16 }),
    requests: 16,
    prompt: 18,
    generated: 4,
    bits: true,
  },
];

function runs(target: Target, graph: Graph): boolean {
  return topologicalOrder(lowerGraph(graph, target)).every((node) => target.supports(node).ok);
}

/** Requests of unequal lengths that come in turn; every fourth leaves early, every third begins as the first does. */
function visitsOf(
  text: readonly number[],
  requests: number,
  prompt: number,
  generated: number,
): Visit[] {
  return Array.from({ length: requests }, (_, i) => {
    const length = prompt - ((5 * i) % (prompt - BLOCK - 1));
    const from = i % 3 === 0 ? 0 : 3 * i;
    return {
      id: `r${i}`,
      prompt: text.slice(from, from + length),
      maxNewTokens: generated - (i % 3),
      atStep: Math.floor(i / 2),
      ...(i % 4 === 3 && { abortAtStep: Math.floor(i / 2) + 2 }),
    };
  });
}

/** Three that together need more blocks than five: each grows from two to three. */
function crowdOf(text: readonly number[]): Visit[] {
  return Array.from({ length: 3 }, (_, i) => ({
    id: `c${i}`,
    prompt: text.slice(7 * i, 7 * i + BLOCK + 3),
    maxNewTokens: BLOCK,
    atStep: 0,
  }));
}

/** Guesses the true continuation up to a token that is wrong, now after more, now after fewer. */
function mostlyRight(truth: readonly number[]): DraftSource {
  const draft = (tokens: readonly number[]): number[] =>
    truth
      .slice(tokens.length, tokens.length + 4)
      .map((token, i) => (i === tokens.length % 4 ? (token + 1) % 64 : token));
  return { start: () => ({ draft, end: () => {} }) };
}

for (const name of fs.readdirSync(FOLDER)) {
  const model = loadModel(path.join(FOLDER, name));
  const graph = model.graph({ logits: 'last' });
  const file = fs.readFileSync(path.join(FOLDER, name, 'golden.json'), 'utf8');
  const { promptTokens: text } = JSON.parse(file) as { promptTokens: number[] };

  for (const { target, requests, prompt, generated, bits } of SUBJECTS) {
    if (!runs(target, graph)) continue; // families.test.ts says which, and why
    test(`${name} on ${target.name}: a request gets what it gets alone`, () => {
      const visits = visitsOf(text, requests, prompt, generated);
      const logprobs = bits ? 64 : undefined;
      const serve = (on: Graph, who: readonly Visit[], options: Partial<EngineOptions> = {}) => {
        const device = target.open({});
        const limits = { contextTokens: CONTEXT, blockTokens: BLOCK, ...options };
        const engine = new Engine(on, target, device, limits);
        const served = serveAll(engine, who, logprobs);
        device.close();
        return { served, status: engine.status() };
      };
      const device = target.open({});
      const solo = new Engine(graph, target, device, {
        ...{ contextTokens: CONTEXT, blockTokens: BLOCK, maxSequences: 1, prefixCaching: false },
      });
      const alone = new Map<string, Served>();
      const soloOf = (who: readonly Visit[]): void => {
        for (const { abortAtStep: _, ...visit } of who)
          alone.set(visit.id, serveAll(solo, [{ ...visit, atStep: 0 }], logprobs).get(visit.id)!);
      };
      soloOf(visits);
      const required = (served: ReadonlyMap<string, Served>): void => {
        for (const [id, { chosen, end }] of served) {
          const own = alone.get(id)!;
          assert.deepEqual(
            chosen,
            end === 'aborted' ? own.chosen.slice(0, chosen.length) : own.chosen,
            id,
          );
        }
      };
      const together = serve(graph, visits);
      required(together.served);
      assert.equal(together.status.usedBlocks, 0);
      assert.ok(together.status.prefixHitTokens > 0, 'a beginning is found');

      const crowd = crowdOf(text);
      soloOf(crowd);
      const preempted = serve(graph, crowd, { blocks: 5, snapshots: 2 });
      required(preempted.served);
      assert.ok(preempted.status.preemptions > 0, 'some are sent away');

      const [first] = visits;
      const truth = [...first!.prompt, ...alone.get(first!.id)!.chosen.map(({ token }) => token)];
      const guessed = serve(model.graph({ logits: 'all' }), visits, {
        drafts: mostlyRight(truth),
        draftSequences: 16,
      });
      required(guessed.served);
      const { draftedTokens, acceptedTokens } = guessed.status;
      assert.ok(0 < acceptedTokens && acceptedTokens < draftedTokens, 'guesses right and wrong');
    });
  }
}

for (const graph of [smallModel('rows'), smallModel('replaced')]) {
  for (const target of [referenceTarget(), cpuTarget()]) {
    for (const drafts of [undefined, lookupDrafts(1, 3)]) {
      const guesses = drafts === undefined ? '' : ' with guesses';
      test(`${graph.name} on ${target.name}: 10,000 random requests${guesses} get what they get alone, and leave nothing`, () => {
        const engine = new Engine(graph, target, target.open({}), {
          ...{ contextTokens: 48, blockTokens: 4, maxSequences: 8, blocks: 24, snapshots: 12 },
          ...(drafts && { drafts, draftSequences: 6 }),
        });
        serveAtRandom(engine, aloneOn(graph, target, 48), 10_000);
        requireEmpty(engine);
      });
    }
  }
}
