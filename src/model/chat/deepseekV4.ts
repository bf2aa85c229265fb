/**
 * Chats of DeepSeek-V4 and V4.1, which ship code instead of a template.
 *
 * Sources: `encoding/encoding_dsv4.py` of deepseek-ai/DeepSeek-V4-Flash-0731; for V4.1 its encoder as
 * vLLM adapted it. Variables: `thinking` or `enable_thinking` (yes, if not given), `drop_thinking`,
 * `reasoning_effort`, `response_format`. There is no turn for tools: their results go to the user's.
 */
import { show, UsageError } from '../../base/index.ts';
import {
  ASSISTANT,
  BOS,
  EOS,
  placeTools,
  readOptions,
  THINK,
  THINK_END,
  unknownRole,
  USER,
  type DeepseekOptions,
  type Turn,
} from './deepseekChat.ts';
import { responseFormatText, toolsTextV4, writeCalls } from './deepseekTools.ts';
import { DSML_TAGS, type DsmlTags } from './dialects.table.ts';
import type { ChatEncoder, ChatOptions } from './message.ts';
import { mergeToolResults } from './toolResults.ts';

/** In what V4 and V4.1 differ. */
interface Version {
  readonly where: string;
  readonly tags: DsmlTags;
  /** Marks system turns, which then may stand anywhere and ask like the user's. */
  readonly systemToken: string;
  readonly hasDeveloper: boolean;
  /** What stands first when the model is to think. */
  effortText(effort: unknown): string;
}

const REMINDER = '<｜latest_reminder｜>';
/** What a message asks the model for internally, in place of an answer; `action` as one. */
const TASKS = ['action', 'query', 'authority', 'domain', 'title', 'read_url'];

const EFFORT_TEXTS_V4: Readonly<Record<string, string>> = {
  low: '',
  high: `Reasoning Effort: Absolute maximum with no shortcuts permitted.
You MUST be very thorough in your thinking and comprehensively decompose the problem to resolve the root cause, rigorously stress-testing your logic against all potential paths, edge cases, and adversarial scenarios.
Explicitly write out your entire deliberation process, documenting every intermediate step, considered alternative, and rejected hypothesis to ensure absolutely no assumption is left unchecked.

`,
  max: `Reasoning Effort: Beyond maximum — exhaustive, relentless, and uncompromising.
You MUST reason with the utmost depth and rigor, leaving absolutely nothing to chance: exhaustively decompose the problem into its most fundamental components, trace every causal chain to its root, and resolve the underlying cause rather than any surface symptom.
Do not stop reasoning until you have independently verified the solution from multiple angles and are certain that no assumption remains unchecked and no error remains undiscovered.

`,
};

/** Budgets of the names; `xhigh` is a name of the first release for what is now `high`. */
const EFFORTS_V41: Readonly<Record<string, number>> = { low: 50, high: 75, xhigh: 75, max: 100 };

export const deepseekV4Chat = encoder({
  where: 'chat of DeepSeek-V4',
  tags: DSML_TAGS.v4,
  systemToken: '',
  hasDeveloper: true,
  effortText: (effort = 'low') => {
    if (typeof effort === 'string' && Object.hasOwn(EFFORT_TEXTS_V4, effort))
      return EFFORT_TEXTS_V4[effort]!;
    throw unknownEffort('low, high or max', effort);
  },
});

export const deepseekV41Chat = encoder({
  where: 'chat of DeepSeek-V4.1',
  tags: DSML_TAGS['v4.1'],
  systemToken: '<｜System｜>',
  hasDeveloper: false,
  effortText: (effort = 'high') => {
    const known = typeof effort === 'string' && Object.hasOwn(EFFORTS_V41, effort);
    const budget = known ? EFFORTS_V41[effort] : effort;
    if (Number.isInteger(budget) && Number(budget) >= 1 && Number(budget) <= 100)
      return `Reasoning Effort: ${Number(budget)} (range 1-100, the higher the value, the more thorough the reasoning)\n\n`;
    throw unknownEffort('low, high, max or an integer from 1 to 100', effort);
  },
});

function unknownEffort(known: string, given: unknown): UsageError {
  return new UsageError(`the reasoning effort must be ${known}, not ${show(given)}`, {
    where: 'reasoning_effort',
  });
}

function encoder(version: Version): ChatEncoder {
  return {
    apply(messages, options = {}) {
      const chat = new Chat(version, readOptions(options, true));
      return chat.write(placeTools(messages, options, leadingRoles(version)), options);
    },
  };
}

function leadingRoles({ hasDeveloper }: Version): string[] {
  return hasDeveloper ? ['system', 'developer'] : ['system'];
}

/** Writes the turns of one chat. */
class Chat {
  readonly #version: Version;
  readonly #options: DeepseekOptions;
  #dropThinking = false;
  #turns: readonly Turn[] = [];
  /** Index of the last turn that asks. */
  #last = -1;

  constructor(version: Version, options: DeepseekOptions) {
    this.#version = version;
    this.#options = options;
  }

  /** Thoughts are kept when there are tools, which turn by turn go on from them. */
  write(given: readonly Turn[], { tools = [] }: ChatOptions): string {
    const { thinking, dropThinking } = this.#options;
    this.#dropThinking = dropThinking && tools.length === 0;
    this.#turns = mergeToolResults(given);
    if (thinking && this.#dropThinking) this.#turns = this.#withoutOldDevelopers();
    this.#last = this.#lastQuestion();
    return BOS + this.#opening() + this.#turns.map((_, index) => this.#writeTurn(index)).join('');
  }

  #withoutOldDevelopers(): Turn[] {
    const last = this.#lastQuestion();
    return this.#turns.filter(({ role }, index) => role !== 'developer' || index >= last);
  }

  #lastQuestion(): number {
    return this.#turns.findLastIndex((_, index) => this.#asks(index));
  }

  /** Whether an answer follows the turn. */
  #asks(index: number): boolean {
    const { role } = this.#turns[index]!;
    if (role === 'system') return this.#version.systemToken !== '' && index > 0;
    return role === 'user' || role === 'developer';
  }

  #opening(): string {
    const { thinking, reasoningEffort } = this.#options;
    const effort = thinking ? this.#version.effortText(reasoningEffort) : '';
    const leads = effort !== '' || this.#turns[0]?.role === 'system';
    return leads ? this.#version.systemToken + effort : effort;
  }

  #writeTurn(index: number): string {
    return this.#body(index) + this.#transition(index);
  }

  #body(index: number): string {
    const turn = this.#turns[index]!;
    const { role, content } = turn;
    if (role === 'system')
      return (index > 0 ? this.#version.systemToken : '') + this.#withExtras(turn);
    if (role === 'developer' && this.#version.hasDeveloper) return USER + this.#withExtras(turn);
    if (role === 'user') return USER + (content ?? '');
    if (role === 'latest_reminder') return REMINDER + (content ?? '');
    if (role === 'assistant') return this.#answer(turn, index);
    const known = [...leadingRoles(this.#version), 'user', 'assistant', 'tool', 'latest_reminder'];
    throw unknownRole(role, known.join(', '), this.#version.where);
  }

  #withExtras({ content, tools, responseFormat }: Turn): string {
    const parts = [content ?? ''];
    if (tools) parts.push(toolsTextV4(tools, this.#version.tags));
    if (responseFormat !== undefined) parts.push(responseFormatText(responseFormat));
    return parts.join('\n\n');
  }

  #answer({ content, reasoning_content: thoughts = '', tool_calls = [] }: Turn, index: number) {
    const afterTask = index > 0 && this.#turns[index - 1]!.task !== undefined;
    const thinks = this.#options.thinking && !afterTask;
    const shown = thinks && (!this.#dropThinking || index > this.#last) ? thoughts + THINK_END : '';
    const calls = tool_calls.length > 0 ? writeCalls(tool_calls, this.#version.tags) : '';
    return `${shown}${content ?? ''}${calls}${EOS}`;
  }

  /** What opens the next turn, if it is the assistant's. */
  #transition(index: number): string {
    const next = this.#turns[index + 1]?.role;
    const opens =
      next === undefined
        ? this.#options.addGenerationPrompt
        : next === 'assistant' || next === 'latest_reminder';
    if (!opens) return '';
    const { task } = this.#turns[index]!;
    if (task !== undefined) return this.#taskTokens(task);
    if (!this.#asks(index)) return '';
    const thinks = !this.#dropThinking || index >= this.#last;
    return ASSISTANT + (this.#options.thinking && thinks ? THINK : THINK_END);
  }

  #taskTokens(task: string): string {
    if (!TASKS.includes(task)) {
      throw new UsageError(`a task must be one of ${TASKS.join(', ')}, not ${show(task)}`, {
        where: this.#version.where,
      });
    }
    const opening = ASSISTANT + (this.#options.thinking ? THINK : THINK_END);
    return `${task === 'action' ? opening : ''}<｜${task}｜>`;
  }
}
