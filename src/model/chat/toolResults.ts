/** DeepSeek-V4's way with the results of tools: they are parts of the user's turn. */
import type { Turn } from './deepseekChat.ts';

/** A part of a user's turn: what was typed, or the result of a call. */
interface Part {
  readonly text: string;
  /** Of a result: the call that it answers. */
  readonly call?: string;
}

interface MergedTurn {
  readonly turn: Turn;
  /** Of a user's turn. */
  readonly parts?: Part[];
}

/** Join results and questions that follow each other into one user turn, results in the order of the calls. */
export function mergeToolResults(turns: readonly Turn[]): Turn[] {
  const merged: MergedTurn[] = [];
  for (const turn of turns) {
    const part = partOf(turn);
    const open = merged.at(-1);
    if (part === undefined) merged.push({ turn });
    else if (open?.parts && (part.call !== undefined || open.turn.task === undefined))
      open.parts.push(part);
    else
      merged.push({
        turn: turn.role === 'tool' ? { role: 'user', content: null } : turn,
        parts: [part],
      });
  }
  let order: readonly string[] = [];
  return merged.map(({ turn, parts }) => {
    if (turn.tool_calls?.length) order = turn.tool_calls.map(({ id = '' }) => id);
    return parts ? { ...turn, content: textOf(sortResults(parts, order)) } : turn;
  });
}

function partOf({ role, content, tool_call_id: call = '' }: Turn): Part | undefined {
  if (role === 'tool') return { text: `<tool_result>${content ?? ''}</tool_result>`, call };
  return role === 'user' ? { text: content ?? '' } : undefined;
}

/** Results keep the places of results; one whose call is not known counts as the first. */
function sortResults(parts: readonly Part[], order: readonly string[]): readonly Part[] {
  const rank = ({ call = '' }: Part): number =>
    call === '' ? 0 : Math.max(0, order.indexOf(call));
  const sorted = parts
    .filter(({ call }) => call !== undefined)
    .toSorted((a, b) => rank(a) - rank(b))
    .values();
  return parts.map((part) => (part.call === undefined ? part : sorted.next().value!));
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join('\n\n');
}
