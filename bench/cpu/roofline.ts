/** What a token takes of the machine: the share of its memory read in generation, of its int8 arithmetic in a prompt. */
import { countElements } from '../../src/ir/index.ts';
import { loadModel } from '../../src/model/index.ts';
import { Pool, type Limits } from '../machineCode/pool.ts';
import { THREADS } from './engines.ts';
import type { Workload } from './workloads.table.ts';

/** Tables that a token of a prompt does not multiply with. */
const TABLES = ['model.embed_tokens.weight', 'lm_head.weight'];

/** Bytes read for a generated token, and multiply-accumulates for a token of a prompt, of the weights alone. */
export interface TokenCost {
  readonly bytes: number;
  readonly macs: number;
}

/** Of a model without experts whose head is its table of embeddings. */
export function tokenCost(file: string): TokenCost {
  const { checkpoint, graph } = loadModel(file);
  const infos = checkpoint.tensorNames().map((name) => checkpoint.info(name));
  const matrices = [...graph({ logits: 'last' }).weights.values()].filter(
    ({ name, shape }) => shape.length === 2 && !TABLES.includes(name),
  );
  return {
    bytes: infos.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    macs: matrices.reduce((sum, { shape }) => sum + countElements(shape), 0),
  };
}

/** The share of the limit that binds: memory read where tokens are generated one by one, arithmetic in a prompt. */
export function shareOf(
  rate: number,
  { promptTokens }: Workload,
  { bytes, macs }: TokenCost,
  { read, peak }: Limits,
): number {
  return promptTokens > 0 ? (rate * macs) / peak : (rate * bytes) / read;
}

/** The machine's limits; close it at the end. */
export function openLimits(): Promise<Pool> {
  return Pool.open(THREADS);
}
