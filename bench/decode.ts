import { chipNames, loadChip } from '../src/chip/index.ts';
import { JadeBench, limitedBy, MODELS, openModel, sumOf } from './jade.ts';
import { publishedDecodeTable } from './publishedDecode.ts';
import { engineering, percent, type Table } from './table.ts';

const PROMPT_TOKENS = 32;
const DECODED = 64;

export function benchDecode(): readonly Table[] {
  return [demoModelsTable(), publishedDecodeTable()];
}

/** 64 tokens after a prompt of 32, on every built-in chip. */
function demoModelsTable(): Table {
  const rows = MODELS.flatMap((model) => chipNames().map((chip) => decodeRow(model, chip)));
  return {
    title: 'Decode on Jade',
    notes: [
      `${DECODED} tokens after a prompt of ${PROMPT_TOKENS}, batch 1. Bandwidth: bytes moved / (cycles · bytesPerCycle).`,
      'Simulated: cycles and multiply-accumulates of these runs for each second of wall time, values included.',
    ],
    columns: [
      'model',
      'chip',
      'cycles/token',
      'tokens/s at its clock',
      'bandwidth',
      'limited by (busy)',
      'simulated cycles/s',
      'simulated MAC/s',
    ],
    rows,
  };
}

function decodeRow(name: string, chipName: string): (string | number)[] {
  const chip = loadChip(chipName);
  const bench = new JadeBench(chip, openModel(name).graph({ logits: 'last' }), 128);
  for (let i = 0; i < PROMPT_TOKENS; i++) bench.step(Int32Array.of(100 + i), i);
  const steps = Array.from({ length: DECODED }, (_, i) =>
    bench.step(Int32Array.of(300 + i), PROMPT_TOKENS + i),
  );
  const cycles = sumOf(steps, 'cycles');
  const seconds = sumOf(steps, 'seconds');
  return [
    name,
    chipName,
    Math.round(cycles / DECODED),
    engineering((chip.clockHz * DECODED) / cycles),
    percent(sumOf(steps, 'bytesMoved') / (cycles * chip.memory.bytesPerCycle)),
    limitedBy(steps),
    engineering(cycles / seconds),
    engineering(sumOf(steps, 'macs') / seconds),
  ];
}
