/**
 * The second step of the funnel: a front at tile events (L1), and how far the closed form (L0) that chose
 * it was off. A chip's correction is that of one core on one token of every kind of layer, so rates that
 * it corrects are nearer, not exact: batches, ranks and links keep what L0 says of them.
 */
import { CeladonError } from '../../base/index.ts';
import type { Chip } from '../../chip/index.ts';
import { loadLevelComparison, type FastCycles } from '../../target/jade/index.ts';
import type { LayerProgram } from './layers.ts';
import type { RefusedLayer } from './levels.ts';

/** A layer on one chip. */
export interface LevelOneRow extends FastCycles {
  readonly layer: string;
  /** Layers of the model that are like it. */
  readonly layers: number;
  /** Share of L1's cycles by which L0 has more: −0.02 where it says 2 % too few. */
  readonly l0Error: number;
}

export interface LevelOneReport {
  readonly chip: string;
  readonly rows: readonly LevelOneRow[];
  readonly refused: readonly RefusedLayer[];
  /** What multiplies rates of L0: its cycles by those of L1, of all layers; null where some were refused. */
  readonly correction: number | null;
}

/** `onLayer` hears of each program before it starts. */
export async function runLevelOne(
  chip: Chip,
  programs: readonly LayerProgram[],
  onLayer: (name: string) => void = () => {},
): Promise<LevelOneReport> {
  const { compareFastLevels } = await loadLevelComparison();
  const rows: LevelOneRow[] = [];
  const refused: RefusedLayer[] = [];
  const core = { ...chip, cores: 1 }; // a layer program is that of one core
  for (const { name, graph, tokens, contextTokens, layers = 1 } of programs) {
    onLayer(name);
    try {
      const cycles = compareFastLevels(core, graph, { tokens, contextTokens });
      const l0Error = cycles.l0Cycles / cycles.l1Cycles - 1;
      rows.push({ layer: name, layers, ...cycles, l0Error });
    } catch (error) {
      if (!(error instanceof CeladonError)) throw error;
      refused.push({ layer: name, reason: error.message });
    }
  }
  const known = rows.length > 0 && refused.length === 0;
  return { chip: chip.name, rows, refused, correction: known ? correctionOf(rows) : null };
}

function correctionOf(rows: readonly LevelOneRow[]): number {
  const sum = (of: (row: LevelOneRow) => number): number =>
    rows.reduce((total, row) => total + row.layers * of(row), 0);
  return sum(({ l0Cycles }) => l0Cycles) / sum(({ l1Cycles }) => l1Cycles);
}
