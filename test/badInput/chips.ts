/** Chips that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import { loadChip, type Chip } from '../../src/chip/index.ts';
import { bad, NESTED_DEEPLY, writeZeros, type BadInput } from './case.ts';

type Prepare = BadInput['prepare'];
type Part = 'matrix' | 'vector' | 'scratchpad' | 'accumulator' | 'control' | 'memory' | 'process';

const EDGE: Chip = { ...loadChip('jade-edge'), name: 'odd' };

/** Runs a built-in model on the chip. */
function run(chip: string): string[] {
  return ['run', 'qwen3-tiny', '-p', 'x', '-n', '1', '--target', 'jade', '--chip', chip];
}

function written(folder: string, content: string | Uint8Array): string {
  const file = path.join(folder, 'chip.json');
  fs.writeFileSync(file, content);
  return file;
}

function text(content: string | Uint8Array): Prepare {
  return (folder) => run(written(folder, content));
}

/** jade-edge with some fields changed. */
function chip(fields: object): Prepare {
  return text(JSON.stringify({ ...EDGE, ...fields }));
}

function part<K extends Part>(
  name: K,
  fields: { [F in keyof Chip[K]]?: Chip[K][F] | undefined },
): Prepare {
  return chip({ [name]: { ...EDGE[name], ...fields } });
}

/** Fields that a chip does not have, or whose values are no text. */
const MANY = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`field${i}`, i]));

const KIB = 1024;
const GIB = 2 ** 30;
const SMALL = JSON.stringify({ ...EDGE, scratchpad: { ...EDGE.scratchpad, sizeBytes: 16 * KIB } });

export const CHIPS: readonly BadInput[] = [
  bad('a missing part', 1, chip({ matrix: undefined })),
  bad('a missing field', 1, part('memory', { latencyCycles: undefined })),
  bad('an unknown field', 1, chip({ colour: 'green' })),
  bad('10 000 unknown fields', 1, chip(MANY)),
  bad('10 000 reasons that are numbers', 1, chip({ reasons: MANY })),
  bad('an unknown template', 1, chip({ template: 'jasper' })),
  bad('an unknown format', 1, chip({ matrix: { ...EDGE.matrix, weightFormat: 'int3' } })),
  bad('a name of 200 kB', 1, chip({ name: 'x'.repeat(2e5) })),
  bad('a negative clock', 1, chip({ clockHz: -1 })),
  bad('a clock of 10^300', 1, chip({ clockHz: 1e300 })),
  bad('columns that are no power of two', 1, part('matrix', { columns: 48 })),
  bad(
    'sizes beyond every bound',
    1,
    chip({
      scratchpad: { sizeBytes: 2 ** 50, banks: 1e9 },
      memory: { ...EDGE.memory, sizeBytes: 1e300 },
    }),
  ),
  bad('a scratchpad of 16 KiB', 4, text(SMALL)),
  bad('a scratchpad of 16 KiB, compiled for', 4, (folder) => [
    'compile',
    'qwen3-tiny',
    '--chip',
    written(folder, SMALL),
  ]),
  bad('a scratchpad of 16 KiB, evaluated on', 4, (folder) => {
    const tokens = path.join(folder, 'tokens.json');
    fs.writeFileSync(tokens, '[1, 2]');
    const target = ['--target', 'jade', '--chip', written(folder, SMALL)];
    return ['eval', 'qwen3-tiny', '--tokens', tokens, ...target];
  }),
  bad('a scratchpad of 1 byte', 1, part('scratchpad', { sizeBytes: 1 })),
  bad('a scratchpad of 1 bank', 1, part('scratchpad', { banks: 1 })),
  bad('a scratchpad of 7 banks', 1, part('scratchpad', { banks: 7 })),
  bad('a scratchpad of banks below two words', 1, part('scratchpad', { sizeBytes: 4 * KIB })),
  bad('accumulators of 256 bytes', 1, part('accumulator', { sizeBytes: 256 })),
  bad('a control memory of 100 bytes', 1, part('control', { sizeBytes: 100 })),
  bad('weights in floats beside integers', 1, part('matrix', { weightFormat: 'mxfp8' })),
  bad('a pipeline shorter than its parts', 1, part('matrix', { pipelineCycles: 15 })),
  bad('more banks than a mask has bits', 1, part('scratchpad', { banks: 64 })),
  bad('accumulators of 1 byte', 1, part('accumulator', { sizeBytes: 1 })),
  bad('accumulators of 3 banks', 1, part('accumulator', { banks: 3 })),
  bad('a memory of 1 MiB', 4, part('memory', { sizeBytes: KIB * KIB })),
  bad(
    'a memory of 1 MiB beside 2 GiB on the chip',
    4,
    chip({
      scratchpad: { ...EDGE.scratchpad, sizeBytes: GIB },
      accumulator: { ...EDGE.accumulator, sizeBytes: GIB },
      memory: { ...EDGE.memory, sizeBytes: KIB * KIB },
    }),
  ),

  bad('text that is not JSON', 1, text('name: mine')),
  bad('bytes that are not text', 1, text(Uint8Array.from({ length: 256 }, (_, i) => 255 - i))),
  bad('an empty file', 1, text('')),
  bad('a list', 1, text('[]')),
  bad('JSON nested 100000 deep', 1, text(NESTED_DEEPLY)),
  bad('a file of 100 MB', 1, (folder) => run(writeZeros(path.join(folder, 'chip.json'), 1e8))),
  bad('a folder', 2, (folder) => run(`${folder}/`)),
  bad('a device', 2, () => run('/dev/zero')),
  bad('a file that is not there', 2, (folder) => run(path.join(folder, 'none.json'))),
  bad('a name nearly right', 2, () => run('jade-egde')),
  bad('a name like no other', 2, () => run('tpu')),
  bad('an empty name', 2, () => run('')),
];
