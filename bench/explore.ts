/** Chips a second: DeepSeek-V4-Flash, prompts and tokens, on points of the space of datacentre chips. */
import { Evaluator } from '../src/explore/evaluate/evaluate.ts';
import type { ChipFigures } from '../src/explore/evaluate/evaluate.ts';
import type { SpaceFile } from '../src/explore/space/axes.ts';
import { isMisfit } from '../src/explore/space/chipRules.ts';
import type { Design } from '../src/explore/space/design.ts';
import { loadChipEstimates, loadSpaceFile } from '../src/explore/space/load.node.ts';
import { DesignSpace } from '../src/explore/space/space.ts';
import { readCatalogueModel } from '../src/model/index.ts';
import type { Table } from './table.ts';

/** Points of the grid, evenly spread over it: 10⁵ of them serve the model, others are no chips or hold too little. */
const POINTS = 220_000;
/** Forms of the model are made on the first ones. */
const WARM = 2000;

/** Eight chips serve a replica, and hold at least a few rows; more of them than points. */
const CHOICES = {
  cores: [8],
  chips: [8],
  pipeline: [1],
  expert: [8],
  columns: [128, 256],
  formats: ['mxfp8/mxfp4'],
  laneCycles: [4, 6],
  scratchpadKiB: [8192, 16384, 32768, 65536],
  accumulatorRows: [512, 1024, 2048],
  loads: [8, 16, 24, 32],
  memory: ['LPDDR5X', 'GDDR7', 'HBM2E', 'HBM3', 'HBM3E'],
  bytesPerCycle: [64, 128, 256],
  linkGBs: [100, 200, 400],
  clockShare: [0.5, 0.6, 0.7, 0.8, 0.9, 1],
} satisfies Partial<SpaceFile['axes']>;

/** Rates of peers are as published, each of its own question, on machines of their own. */
const NOTES = [
  'Each chip: area and figures, what fits on it, a step of decoding at the largest batch and a chunk of a prompt in closed form (L0), TTFT, TPOT and tokens/s of DeepSeek-V4-Flash (4,096 + 1,024 tokens) on 64 cores of 8 chips. CPU seconds of one core: others share the machine. Making shares and forms of the model is part of the first column of seconds.',
  '',
  'Peers, as published: Turbo-Charged Mapper 17 s for optimal mappings of one workload (arXiv, 2/2026); AIConfigurator 6.5 s for one model on one chip (README, 2/2026), under 30 s on average (arXiv 2601.06288); Vidur-Search 1 h for Llama-2-70B; Stream about 11 s for two convolutions; DOSA several hours a workload (figure 7).',
];

export async function benchExplore(): Promise<Table> {
  const estimates = await loadChipEstimates();
  const file = loadSpaceFile('datacentre');
  const space = new DesignSpace({ ...file, axes: { ...file.axes, ...CHOICES } }, estimates);
  const { model } = readCatalogueModel('deepseek-v4-flash');
  const chat = { name: 'chat', model, inputTokens: 4096, outputTokens: 1024, weight: 1 };
  const figuresOf = (chip: Design['decode']['chip']): ChipFigures => {
    const { cost, ...figures } = estimates.of(chip);
    return { ...figures, chipDollars: cost && cost.dollars.value, watts: () => null };
  };
  const evaluator = new Evaluator([chat], figuresOf);
  const step = Math.max(1, space.count / POINTS);
  const start = process.cpuUsage();
  let warm = start;
  let [chips, fitting] = [0, 0];
  for (let i = 0; i < POINTS; i++) {
    if (i === WARM) warm = process.cpuUsage();
    const design = space.designAt(pointAt(space.sizes, Math.floor(i * step)));
    if (isMisfit(design)) continue;
    chips++;
    if (!('misfit' in evaluator.evaluate(design))) fitting++;
  }
  const seconds = (from: NodeJS.CpuUsage): number => {
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1e6;
  };
  const [all, rest] = [seconds(start), seconds(warm)];
  return {
    title: 'Chips evaluated a second',
    notes: NOTES,
    columns: [
      'points',
      'chips',
      'that serve the model',
      'CPU s of one core',
      'of these after the first 2,000 points',
      'µs a point',
    ],
    rows: [
      [
        `${POINTS} of ${space.count}`,
        `${chips}`,
        `${fitting}`,
        all.toFixed(1),
        rest.toFixed(1),
        ((1e6 * rest) / (POINTS - WARM)).toFixed(0),
      ],
    ],
  };
}

function pointAt(sizes: readonly number[], index: number): number[] {
  let rest = index;
  return sizes.map((size) => {
    const at = rest % size;
    rest = Math.floor(rest / size);
    return at;
  });
}
