/** Chips that are not what they should be. */
import fs from 'node:fs';
import path from 'node:path';
import { loadChip, type Chip } from '../../src/chip/index.ts';
import type { BadInput } from './case.ts';

const EDGE = loadChip('jade-edge');

const run = (chip: string, prompt = 'x'): string[] => [
  'run',
  'qwen3-tiny',
  '-p',
  prompt,
  '-n',
  '1',
  '--target',
  'jade',
  '--chip',
  chip,
];

function written(folder: string, content: string | Uint8Array): string {
  const file = path.join(folder, 'chip.json');
  fs.writeFileSync(file, content);
  return file;
}

/** jade-edge with some fields changed, as a JSON file. */
function chip(fields: object): BadInput['prepare'] {
  return (folder) => run(written(folder, JSON.stringify({ ...EDGE, ...fields })));
}

function part<
  K extends 'scratchpad' | 'accumulator' | 'control' | 'memory' | 'matrix' | 'vector' | 'dma',
>(name: K, fields: Partial<Chip[K]>): BadInput['prepare'] {
  return chip({ name: 'odd', [name]: { ...EDGE[name], ...fields } });
}

function text(content: string | Uint8Array): BadInput['prepare'] {
  return (folder) => run(written(folder, content));
}

const KiB = 1024;

export const CHIPS: readonly BadInput[] = [
  { name: 'a missing part', prepare: chip({ matrix: undefined }), exitCode: 1 },
  {
    name: 'a missing field',
    prepare: chip({ memory: { ...EDGE.memory, latencyCycles: undefined } }),
    exitCode: 1,
  },
  { name: 'an unknown field', prepare: chip({ colour: 'green' }), exitCode: 1 },
  { name: 'an unknown template', prepare: chip({ template: 'jasper' }), exitCode: 1 },
  { name: 'a negative clock', prepare: chip({ clockHz: -1 }), exitCode: 1 },
  { name: 'a clock of 10^300', prepare: chip({ clockHz: 1e300 }), exitCode: 1 },
  {
    name: 'columns that are no power of two',
    prepare: part('matrix', { columns: 48 }),
    exitCode: 1,
  },
  { name: '2 cores', prepare: chip({ cores: 2 }), exitCode: 3 },
  {
    name: 'a scratchpad of 8 KiB',
    prepare: part('scratchpad', { sizeBytes: 8 * KiB }),
    exitCode: 4,
  },
  {
    name: 'a scratchpad of 8 KiB, compiled',
    prepare: (folder) => [
      'compile',
      'qwen3-tiny',
      ...part('scratchpad', { sizeBytes: 8 * KiB })(folder).slice(-2),
    ],
    exitCode: 4,
  },
  {
    name: 'a scratchpad of 8 KiB, demo',
    prepare: (folder) => ['demo', ...part('scratchpad', { sizeBytes: 8 * KiB })(folder).slice(-2)],
    exitCode: 4,
  },
  {
    name: 'a scratchpad of banks below two words',
    prepare: part('scratchpad', { sizeBytes: 4 * KiB }),
    exitCode: 1,
  },
  { name: 'a scratchpad of 1 byte', prepare: part('scratchpad', { sizeBytes: 1 }), exitCode: 1 },
  { name: 'a scratchpad of 1 bank', prepare: part('scratchpad', { banks: 1 }), exitCode: 1 },
  { name: 'a scratchpad of 7 banks', prepare: part('scratchpad', { banks: 7 }), exitCode: 1 },
  {
    name: 'accumulators of 2 KiB, too few for the scores of a long prompt',
    prepare: (folder) => {
      const options = part('accumulator', { sizeBytes: 2 * KiB })(folder);
      return run(options.at(-1)!, 'x '.repeat(100));
    },
    exitCode: 4,
  },
  { name: 'accumulators of 1 byte', prepare: part('accumulator', { sizeBytes: 1 }), exitCode: 1 },
  { name: 'accumulators of 3 banks', prepare: part('accumulator', { banks: 3 }), exitCode: 1 },
  {
    name: 'a control memory of 100 bytes',
    prepare: part('control', { sizeBytes: 100 }),
    exitCode: 1,
  },
  { name: 'a memory of 1 MiB', prepare: part('memory', { sizeBytes: 2 ** 20 }), exitCode: 4 },
  {
    name: 'sizes beyond every bound',
    prepare: (folder) =>
      run(
        written(
          folder,
          JSON.stringify({
            ...EDGE,
            scratchpad: { sizeBytes: 2 ** 50, banks: 1e9 },
            memory: { ...EDGE.memory, sizeBytes: 1e300 },
          }),
        ),
      ),
    exitCode: 1,
  },
  {
    name: 'a scratchpad of 1 GiB',
    prepare: part('scratchpad', { sizeBytes: 2 ** 30 }),
    exitCode: 0,
  },
  {
    name: 'a scratchpad and accumulators of 1 GiB, memory 1 MiB',
    prepare: chip({
      scratchpad: { ...EDGE.scratchpad, sizeBytes: 2 ** 30 },
      accumulator: { ...EDGE.accumulator, sizeBytes: 2 ** 30 },
      memory: { ...EDGE.memory, sizeBytes: 2 ** 20 },
    }),
    exitCode: 4,
  },
  { name: 'a file that is not JSON', prepare: text('name: mine'), exitCode: 1 },
  {
    name: 'bytes that are no text',
    prepare: text(Uint8Array.from({ length: 256 }, (_, i) => 255 - i)),
    exitCode: 1,
  },
  { name: 'JSON that is a list', prepare: text('[]'), exitCode: 1 },
  {
    name: 'JSON nested 100000 deep',
    prepare: text(`${'['.repeat(1e5)}${']'.repeat(1e5)}`),
    exitCode: 1,
  },
  {
    name: 'JSON of 100000 unknown fields',
    prepare: text(
      JSON.stringify(Object.fromEntries(Array.from({ length: 5e4 }, (_, i) => [`field${i}`, i]))),
    ),
    exitCode: 1,
  },
  {
    name: 'JSON with a name of 500 kB',
    prepare: text(JSON.stringify({ ...EDGE, name: 'x'.repeat(5e5) })),
    exitCode: 1,
  },
  {
    name: 'JSON with reasons that are no text',
    prepare: text(
      JSON.stringify({
        ...EDGE,
        reasons: Object.fromEntries(Array.from({ length: 5e4 }, (_, i) => [`field${i}`, i])),
      }),
    ),
    exitCode: 1,
  },
  { name: 'an empty file', prepare: text(''), exitCode: 1 },
  { name: 'a folder', prepare: (folder) => run(`${folder}/`), exitCode: 2 },
  {
    name: 'a file of 100 MB',
    prepare: (folder) => {
      const f = written(folder, '');
      fs.truncateSync(f, 1e8);
      return run(f);
    },
    exitCode: 1,
  },
  {
    name: 'a file that is not there',
    prepare: (folder) => run(path.join(folder, 'none.json')),
    exitCode: 2,
  },
  { name: 'a device', prepare: () => run('/dev/zero'), exitCode: 2 },
  { name: 'a name nearly right', prepare: () => run('jade-egde'), exitCode: 2 },
  { name: 'a name like none', prepare: () => run('tpu'), exitCode: 2 },
  { name: 'no name', prepare: () => run(''), exitCode: 2 },
];
