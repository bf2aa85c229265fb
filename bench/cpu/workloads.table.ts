/** What the cpu is measured on, and what it is to reach beside llama.cpp. */
import type { MatrixType } from '../gguf/randomGguf.ts';
import type { ShapeName } from '../gguf/shapes.table.ts';

export interface Workload {
  readonly model: ShapeName;
  readonly format: MatrixType;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  /** Of llama.cpp, where it need not generate as many for its rate to be known. */
  readonly peerTokens?: number;
  readonly sequences: number;
  /** A process on each core that does nothing but count. */
  readonly busy: boolean;
  /** Goals: tokens a second by those of llama.cpp. */
  readonly native: number;
  readonly wasm: number | null;
  /** Goal: percent of what the machine could do; null where it is not measured. */
  readonly limit: number | null;
}

const ONE = { sequences: 1, busy: false, limit: null } as const;
const PROMPT = { ...ONE, promptTokens: 512, generatedTokens: 0 } as const;
const TEXT = { ...ONE, promptTokens: 0, generatedTokens: 64 } as const;
/** Few tokens of the peer, whose threads wait for one another: it makes less than one a second here. */
const BUSY = { ...TEXT, peerTokens: 4, busy: true } as const;
const SMALL = 'qwen3-0.6b';

export const WORKLOADS: readonly Workload[] = [
  { model: SMALL, format: 'Q4_0', ...TEXT, limit: 80, native: 1.5, wasm: 1 },
  { model: SMALL, format: 'Q8_0', ...TEXT, limit: 80, native: 1.5, wasm: 1 },
  { model: SMALL, format: 'Q4_0', ...TEXT, sequences: 8, native: 2.5, wasm: 1 },
  { model: SMALL, format: 'Q8_0', ...TEXT, sequences: 8, native: 2.5, wasm: 1 },
  { model: SMALL, format: 'Q4_0', ...PROMPT, limit: 60, native: 2.2, wasm: 1.1 },
  { model: SMALL, format: 'Q8_0', ...PROMPT, limit: 60, native: 2.5, wasm: 0.9 },
  { model: SMALL, format: 'Q4_0', ...BUSY, native: 3, wasm: 3 },
  { model: SMALL, format: 'Q8_0', ...BUSY, native: 3, wasm: 3 },
  ...(['qwen3.5-0.8b', 'moe-1b', 'mla-1b'] as const).flatMap((model) =>
    [TEXT, PROMPT].map(
      (test) => ({ model, format: 'Q4_0', ...test, native: 1, wasm: null }) as const,
    ),
  ),
];

export function workloadName({ model, format, ...test }: Workload): string {
  const { promptTokens, generatedTokens, sequences, busy } = test;
  const tokens = promptTokens > 0 ? `pp${promptTokens}` : `tg${generatedTokens}`;
  return `${model} ${format} ${tokens}${sequences > 1 ? ` x${sequences}` : ''}${busy ? ' on busy cores' : ''}`;
}
