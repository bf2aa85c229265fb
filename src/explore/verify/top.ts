/**
 * The end of the funnel: chips that a study chose are run at all three levels, on their Verilated RTL and
 * through synthesis, and the report says how far the fast levels were off. Each refusal is a reason.
 */
import type { Chip } from '../../chip/index.ts';
import { verifyArea, type ChipAreaReport } from './area.ts';
import type { LayerProgram } from './layers.ts';
import { verifyLevels, type LevelReport } from './levels.ts';
import { verifyRtl, type RtlOptions, type RtlReport } from './rtl.ts';

export interface TopOptions {
  readonly programs: readonly LayerProgram[];
  /** A node of catalogue/silicon for all chips, or for each its own. */
  readonly node: string | ((chip: Chip) => string);
  /** Of Liberty files; without one nothing is synthesised. */
  readonly libertyFolder?: string | undefined;
  readonly rtl?: Partial<RtlOptions>;
}

/** How far levels were off: the largest shares, with their signs; null where nothing was compared. */
export interface Corrections {
  /** Of L0 beside L1, of L1 beside the simulator. */
  readonly l0: number | null;
  readonly l1: number | null;
  /** Of the table's area beside synthesis. */
  readonly area: number | null;
}

export interface ChipVerification {
  readonly chip: string;
  readonly levels: LevelReport;
  readonly rtl: RtlReport;
  readonly area: ChipAreaReport;
  readonly corrections: Corrections;
}

export interface TopReport {
  readonly chips: readonly ChipVerification[];
}

/** What is told while chips are verified, which takes minutes for each. */
export interface TopListener {
  /** A slow step, before it starts. */
  readonly step?: (text: string) => void;
  /** A chip, when all of it is known. */
  readonly verified?: (chip: ChipVerification) => void;
}

export async function verifyTop(
  chips: readonly Chip[],
  options: TopOptions,
  { step, verified: tell }: TopListener = {},
): Promise<TopReport> {
  const verified: ChipVerification[] = [];
  for (const [i, chip] of chips.entries()) {
    const say = (what: string): void => step?.(`${i + 1}/${chips.length} ${chip.name}: ${what}`);
    const found = await verifyChip(chip, options, say);
    tell?.(found);
    verified.push(found);
  }
  return { chips: verified };
}

async function verifyChip(
  chip: Chip,
  { programs, node, libertyFolder, rtl: rtlOptions }: TopOptions,
  say: (what: string) => void,
): Promise<ChipVerification> {
  const levels = await verifyLevels(chip, programs, (name) => say(`${name} at three levels`));
  const rtl = await verifyRtl(chip, rtlOptions, say);
  const id = typeof node === 'string' ? node : node(chip);
  const area = await verifyArea(chip, id, libertyFolder, (what) => say(`synthesis of ${what}`));
  const corrections = {
    l0: largest(levels.rows.map(({ l0Error }) => l0Error)),
    l1: largest(levels.rows.map(({ l1Error }) => l1Error)),
    area: 'error' in area ? area.error : null,
  };
  return { chip: chip.name, levels, rtl, area, corrections };
}

/** The one farthest from 0. */
function largest(errors: readonly number[]): number | null {
  return errors.toSorted((a, b) => Math.abs(b) - Math.abs(a))[0] ?? null;
}
