import { loadChip } from '../src/chip/index.ts';
import { verifyModel } from '../src/cli/verifyModel.ts';
import { JadeBench, MODELS, openModel, sumOf } from './jade.ts';
import { engineering, type Table } from './table.ts';

const PROMPT_TOKENS = 32;
/** The first comes from the prompt, so these are 32 steps. */
const NEW_TOKENS = 33;
const CHIPS = ['jade-nano', 'jade-edge'] as const;

/** The demo models on the Verilated chip and on the simulator: the same work, timed one after the other. */
export async function benchRtl(): Promise<Table> {
  const rows = [];
  for (const chip of CHIPS) for (const model of MODELS) rows.push(await row(chip, model));
  return {
    title: 'RTL beside the simulator',
    notes: [
      `A prompt of ${PROMPT_TOKENS} tokens and ${NEW_TOKENS - 1} steps of greedy decoding, on the generated SystemVerilog under Verilator (one`,
      'thread) and on the simulator; start, completion and bytes of every instruction, logits and tokens are compared.',
      'Simulator: values and cycles of the same number of decode steps and a prompt, wall time, compilation apart.',
    ],
    columns: [
      'chip',
      'model',
      'instructions',
      'cycles',
      'differences',
      'RTL, s',
      'RTL, cycles/s',
      'simulator, cycles/s',
      'ratio',
    ],
    rows,
  };
}

async function row(chipName: string, model: string): Promise<(string | number)[]> {
  const chip = loadChip(chipName);
  const rtl = await verifyModel(chip, {
    model,
    promptTokens: PROMPT_TOKENS,
    newTokens: NEW_TOKENS,
  });
  const rtlSpeed = rtl.cycles / rtl.seconds;
  const speed = simulatorSpeed(chipName, model);
  return [
    chipName,
    model,
    rtl.instructions,
    rtl.cycles,
    rtl.difference === undefined ? 0 : 1,
    rtl.seconds.toFixed(0),
    engineering(rtlSpeed),
    engineering(speed),
    `${Math.round(speed / rtlSpeed)}×`,
  ];
}

/** Simulated cycles a second of decode steps after a prompt, in its steady state. */
function simulatorSpeed(chipName: string, model: string): number {
  const chip = loadChip(chipName);
  const bench = new JadeBench(chip, openModel(model).graph({ logits: 'last' }), 80);
  const step = (i: number) => bench.step(Int32Array.of(100 + i), i);
  for (let i = 0; i < PROMPT_TOKENS; i++) step(i);
  const steps = Array.from({ length: NEW_TOKENS - 1 }, (_, i) => step(PROMPT_TOKENS + i));
  return sumOf(steps, 'cycles') / sumOf(steps, 'seconds');
}
