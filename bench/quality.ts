import fs from 'node:fs';
import { chipNames, loadChip } from '../src/chip/index.ts';
import { perplexityOn } from '../src/explore/index.ts';
import { MODELS, openModel } from './jade.ts';
import { percent, type Table } from './table.ts';

/** Perplexity on all of models/valid.json. */
export function benchQuality(): Table {
  const documents = readDocuments();
  const rows = MODELS.flatMap((model) => modelRows(model, documents));
  return {
    title: 'Perplexity in the formats of each chip',
    notes: [
      `Teacher-forced on the ${documents.length} chats of models/valid.json, by the interpreter: f32, and the numerics of each chip`,
      '(which the simulated chip equals bit for bit, test/jade.test.ts).',
    ],
    columns: ['model', 'numerics', 'weights', 'activations', 'perplexity', 'change'],
    rows,
  };
}

function readDocuments(): number[][] {
  const text = fs.readFileSync(new URL('../models/valid.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { tokens: number[] }[]).map((document) => document.tokens);
}

function modelRows(name: string, documents: readonly number[][]): (string | number)[][] {
  const model = openModel(name);
  const base = perplexityOn(model, undefined, documents);
  const chips = chipNames().map((chipName) => {
    const chip = loadChip(chipName);
    const own = perplexityOn(model, chip, documents);
    const { weightFormat, activationFormat } = chip.matrix;
    return [
      name,
      chipName,
      weightFormat,
      activationFormat,
      own.toFixed(3),
      percent(own / base - 1),
    ];
  });
  return [[name, 'float', 'as stored', 'f32', base.toFixed(3), ''], ...chips];
}
