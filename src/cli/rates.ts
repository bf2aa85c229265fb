/** How long a generation took: host time for people and JSON, and cycles of a simulated chip. */
import { formatCycles } from '../base/index.ts';
import type { Chip } from '../chip/index.ts';
import type { Generation, PhaseTotals } from '../engine/index.ts';

/** Host time of a generation. */
export interface Timings {
  readonly compileSeconds: number;
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
  /** Tokens a second of host time; null when no token was fed. */
  readonly prefillTokensPerSecond: number | null;
  readonly decodeTokensPerSecond: number | null;
}

export function ratesOf({ prefill, decode }: Generation): Timings {
  return {
    compileSeconds: prefill.compileSeconds + decode.compileSeconds,
    prefillSeconds: prefill.runSeconds,
    decodeSeconds: decode.runSeconds,
    prefillTokensPerSecond: rateOf(prefill),
    decodeTokensPerSecond: rateOf(decode),
  };
}

function rateOf({ tokens, runSeconds }: PhaseTotals): number | null {
  return tokens > 0 && runSeconds > 0 ? tokens / runSeconds : null;
}

/** One line for people; of a chip with cycles, what the simulated hardware would take. */
export function formatRates(generation: Generation, chip: Chip | null): string {
  const { prefill, decode, finishReason } = generation;
  const phases = [
    ['prompt', prefill],
    ['generated', decode],
  ] as const;
  const parts = phases.map(([name, totals]) => `${name} ${formatPhase(totals, chip)}`);
  return `${parts.join(' · ')} · ended by ${finishReason}`;
}

function formatPhase(totals: PhaseTotals, chip: Chip | null): string {
  const { tokens, cycles } = totals;
  if (cycles !== null && chip !== null) {
    const rate = tokens / (cycles / chip.clockHz);
    return `${tokens} tokens, ${formatCycles(cycles)} (${formatRate(rate)} on ${chip.name})`;
  }
  const rate = rateOf(totals);
  return rate === null ? `${tokens} tokens` : `${tokens} tokens (${formatRate(rate)})`;
}

/** Tokens a second, with as many digits as say something. */
export function formatRate(tokensPerSecond: number): string {
  const digits = tokensPerSecond >= 100 ? 0 : tokensPerSecond >= 10 ? 1 : 2;
  return `${tokensPerSecond.toFixed(digits)} tokens/s`;
}
