import { chipNames, loadChip } from '../src/chip/index.ts';
import { JadeBench, limitedBy, MODELS, openModel, sumOf, type Timed } from './jade.ts';
import { engineering, percent, type Table } from './table.ts';

const TOKENS = 128;

/** A prompt of 128 tokens, on every built-in chip. */
export function benchPrefill(): Table {
  const rows = MODELS.flatMap((model) => chipNames().map((chip) => prefillRow(model, chip)));
  return {
    title: 'Prefill on Jade',
    notes: [
      `A prompt of ${TOKENS} tokens, in steps as large as the chip holds. MAC utilisation: multiply-accumulates of the`,
      'instructions with their real row counts (head included: one row) / (cycles · 32 · columns).',
    ],
    columns: [
      'model',
      'chip',
      'tokens a step',
      'cycles',
      'MAC utilisation',
      'limited by (busy)',
      'simulated cycles/s',
      'simulated MAC/s',
    ],
    rows,
  };
}

function prefillRow(name: string, chipName: string): (string | number)[] {
  const chip = loadChip(chipName);
  const bench = new JadeBench(chip, openModel(name).graph({ logits: 'last' }), 128);
  const size = Math.min(TOKENS, bench.maxTokens);
  runPrompt(bench, size);
  const steps = runPrompt(bench, size);
  const cycles = sumOf(steps, 'cycles');
  const seconds = sumOf(steps, 'seconds');
  const macsPerCycle = chip.matrix.lanes * chip.matrix.columns;
  return [
    name,
    chipName,
    size,
    cycles,
    percent(sumOf(steps, 'macs') / (cycles * macsPerCycle)),
    limitedBy(steps),
    engineering(cycles / seconds),
    engineering(sumOf(steps, 'macs') / seconds),
  ];
}

function runPrompt(bench: JadeBench, size: number): Timed[] {
  const prompt = Int32Array.from({ length: TOKENS }, (_, i) => 100 + i * 7);
  const steps: Timed[] = [];
  for (let i = 0; i < TOKENS; i += size) steps.push(bench.step(prompt.slice(i, i + size), i));
  return steps;
}
