/** Which states of a network can come to the end of their rule: others would be blind alleys. */
import type { Network } from './network.ts';

/** 1 for each state from which its rule can end. Takes time in proportion to the network. */
export function finishingStates(network: Network): Uint8Array {
  const finishing = new Uint8Array(network.edges.length);
  const waiting = new Map<number, number[]>();
  const before = predecessors(network);
  const found: number[] = [];
  const find = (state: number): void => {
    if (finishing[state] === 1) return;
    finishing[state] = 1;
    found.push(state);
  };
  for (const { end } of network.rules) find(end);
  for (let state = found.pop(); state !== undefined; state = found.pop()) {
    for (const from of waiting.get(state) ?? []) find(from);
    for (const { from, start } of before[state]!) {
      if (start === undefined || finishing[start] === 1) find(from);
      else waiting.getOrInsertComputed(start, () => []).push(from);
    }
  }
  return finishing;
}

/** A way from a state; over a call it counts once the start of the called rule is known to finish. */
interface Way {
  readonly from: number;
  readonly start?: number;
}

function predecessors({ edges, jumps, calls, rules }: Network): Way[][] {
  const before: Way[][] = edges.map(() => []);
  for (const from of edges.keys()) {
    for (const { to } of edges[from]!) before[to]!.push({ from });
    for (const to of jumps[from]!) before[to]!.push({ from });
    for (const { rule, to } of calls[from]!) before[to]!.push({ from, start: rules[rule]!.start });
  }
  return before;
}
