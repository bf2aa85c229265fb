/** A space of nearly half a million chips, eight of which serve a model together. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const AXES = {
  cores: [8],
  columns: [64, 128, 256],
  formats: ['mxfp8/mxfp4'],
  lanes: [64, 128, 256],
  laneCycles: [4, 6],
  scratchpadKiB: [4096, 8192, 16384, 32768],
  accumulatorRows: [512, 1024, 2048],
  loads: [8, 16, 24, 32],
  memory: ['LPDDR5X', 'GDDR7', 'HBM2E', 'HBM3', 'HBM3E'],
  bytesPerCycle: [64, 128, 256],
  linkGBs: [100, 200, 400],
  clockShare: [0.6, 0.7, 0.8, 0.9, 1],
  node: ['asap7', 'gt2n'],
  chips: [8],
  pipeline: [1],
  expert: [8],
};

/** Written as the file that a user would give; its name. Dense models have no groups of experts. */
export function spaceFileFor(model: string): string {
  const isDense = !model.startsWith('deepseek');
  const axes = { ...AXES, ...(isDense && { expert: [1], chips: [1] }) };
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-space-')), 'space.json');
  fs.writeFileSync(file, JSON.stringify({ name: 'bench', about: 'For the benchmark.', axes }));
  return file;
}
