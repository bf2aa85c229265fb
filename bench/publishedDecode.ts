/** Decode of a model of published size: tile events, as its cycles are the simulator's and it needs no weights. */
import { loadChip } from '../src/chip/index.ts';
import { compileLowered, lowerGraph } from '../src/compile/index.ts';
import { buildGraph, NO_WEIGHTS, readCatalogueModel } from '../src/model/index.ts';
import { jadeTarget, limitOf } from '../src/target/jade/index.ts';
import { runTileEvents, tileProgram } from '../src/target/jade/levels/index.ts';
import { engineering, percent, type Table } from './table.ts';

const MODEL = 'qwen3-0.6b';
/** The others have too little memory for it. */
const CHIPS = ['jade-edge', 'jade-server'] as const;
const CONTEXTS = [64, 512, 2048] as const;

export function publishedDecodeTable(): Table {
  return {
    title: `Decode of ${MODEL}, all layers and the head`,
    notes: [
      'One token, batch 1, at the end of the context, by tile events (L1): its cycles are those of the simulator and of the RTL. Memory: cycles',
      'in which the channel moves bytes. On the RTL of jade-edge with random weights, context 64: test/rtl/models.test.ts, nightly.',
    ],
    columns: ['chip', 'context', 'cycles/token', 'tokens/s at its clock', 'memory', 'limited by'],
    rows: CHIPS.flatMap((chip) => CONTEXTS.map((context) => row(chip, context))),
  };
}

function row(chipName: string, context: number): (string | number)[] {
  const chip = loadChip(chipName);
  const target = jadeTarget(chip, { contextTokens: context });
  const { model } = readCatalogueModel(MODEL);
  const graph = lowerGraph(buildGraph(model, NO_WEIGHTS, { logits: 'last' }), target);
  const { instructions } = compileLowered(graph, target, { B: 1, T: 1, S: context });
  const times = runTileEvents(tileProgram(chip, instructions));
  const { cycles, memoryBusyCycles } = times;
  const { resource, busyShare } = limitOf([times]);
  return [
    chipName,
    context,
    cycles,
    engineering(chip.clockHz / cycles),
    percent(memoryBusyCycles / cycles),
    `${resource} ${percent(busyShare)}`,
  ];
}
