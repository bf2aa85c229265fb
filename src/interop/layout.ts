/** Layouts of a model over chips, and what its head counts allow. */
import type { Layout } from '../cluster/index.ts';
import type { ModelFacts } from './facts.ts';
import type { Finding } from './finding.ts';

/** The largest tensor parallelism that layouts are proposed with. */
const MOST_TENSOR_PARALLEL = 16;

/**
 * The usual layout of so many ranks: tensor parallelism as far as the heads and a `domain` of them allow,
 * data parallelism beyond, and the experts over all of them.
 */
export function usualLayout({ heads }: ModelFacts, count: number, domain: number): Layout {
  const most = Math.min(count, domain, MOST_TENSOR_PARALLEL);
  const allowed = Array.from({ length: most }, (_, i) => most - i);
  const splits = [heads.query, heads.linearKey, heads.linearValue, heads.outputGroups];
  const tp = allowed.find(
    (n) => count % n === 0 && splits.every((all) => all === null || all % n === 0),
  )!;
  const expertsDivide = heads.experts !== null && heads.experts % count === 0;
  return { tensor: tp, pipeline: 1, data: count / tp, expert: expertsDivide ? count : 1 };
}

/** What each kind of heads means for tensor parallelism. */
export function layoutFindings(facts: ModelFacts, layout: Layout, blockScaled: boolean): Finding[] {
  const { heads } = facts;
  const { tensor: tp, expert: ep } = layout;
  const divided: readonly (readonly [string, number | null])[] = [
    ['query heads', heads.query],
    ['key heads of gated delta rules', heads.linearKey],
    ['value heads of gated delta rules', heads.linearValue],
  ];
  return [
    ...divided.flatMap(([what, count]) => (count === null ? [] : dividedBy(what, count, tp))),
    ...keyValueFinding(facts, tp),
    ...outputGroupFinding(facts, tp),
    ...(heads.experts !== null && heads.experts % ep !== 0
      ? [impossible('expert parallelism', `${heads.experts} experts over ep=${ep}`, heads.experts)]
      : []),
    ...(blockScaled && ep === 1 ? blockFinding(heads.expertWidth, tp) : []),
  ];
}

function impossible(subject: string, what: string, count: number): Finding {
  return {
    about: 'layout',
    subject,
    status: 'missing',
    text: `${what}: it must divide them; ${divisorsText(count)} do`,
    basis: 'arithmetic',
    url: null,
  };
}

function divisorsText(count: number): string {
  const all = Array.from({ length: Math.min(count, 64) }, (_, i) => i + 1);
  return all.filter((n) => count % n === 0).join(', ');
}

function dividedBy(what: string, count: number, tp: number): Finding[] {
  if (count % tp === 0) return [];
  return [impossible('tensor parallelism', `${count} ${what} over tp=${tp}`, count)];
}

/** Fewer key/value heads than ranks are kept more than once. */
function keyValueFinding({ heads, states }: ModelFacts, tp: number): Finding[] {
  const { keyValue } = heads;
  if (keyValue === null) return [latentFinding(states.length > 0)];
  const limit = `the ${keyValue} KV heads share out to at most ${keyValue} chips`;
  const finding = {
    about: 'layout',
    subject: 'KV heads',
    basis: 'config.json',
    url: null,
  } as const;
  if (tp > keyValue && tp % keyValue !== 0)
    return [
      impossible('KV heads', `${keyValue} KV heads over tp=${tp}, above which they are copied`, tp),
    ];
  if (tp <= keyValue && keyValue % tp !== 0)
    return [impossible('KV heads', `${keyValue} KV heads over tp=${tp}`, keyValue)];
  const beyond = `tp=${tp} keeps each ${tp / keyValue} times, and the state of a token does not shrink further; use data parallelism for attention, or fewer chips a replica`;
  const below = `tp=${tp} is within that; above it copies are kept`;
  return [
    {
      ...finding,
      status: tp > keyValue ? 'fallback' : 'native',
      text: `${limit}: ${tp > keyValue ? beyond : below}`,
    },
  ];
}

function latentFinding(hasState: boolean): Finding {
  return {
    about: 'layout',
    subject: 'KV heads',
    status: 'native',
    text: `one row of state serves all heads${hasState ? ': under tensor parallelism every chip keeps all of it; data parallelism for attention shares out sequences instead' : ''}`,
    basis: 'config.json',
    url: null,
  };
}

function outputGroupFinding({ heads }: ModelFacts, tp: number): Finding[] {
  const { outputGroups } = heads;
  if (outputGroups === null) return [];
  return [
    {
      about: 'layout',
      subject: 'o_groups',
      status: tp <= outputGroups && outputGroups % tp === 0 ? 'native' : 'fallback',
      text: `o_groups = ${outputGroups}: the output projection shares out to at most ${outputGroups} chips${tp > outputGroups ? `; tp=${tp} needs a group of its own for it (FlagOS does that)` : ''}`,
      basis: 'config.json',
      url: null,
    },
  ];
}

/** Width that FP8 scales of DeepSeek share. */
const BLOCK = 128;

function blockFinding(width: number | null, tp: number): Finding[] {
  if (width === null || (width / tp) % BLOCK === 0) return [];
  return [
    {
      about: 'layout',
      subject: 'blocks of FP8',
      status: 'missing',
      text: `experts of width ${width} over tp=${tp} have ${width / tp} columns, no multiple of the ${BLOCK} that share a scale; use expert parallelism or a smaller tp`,
      basis: 'arithmetic; vllm-project/vllm#40955',
      url: 'https://github.com/vllm-project/vllm/issues/40955',
    },
  ];
}
