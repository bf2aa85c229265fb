/** The classes of efficiencies that ship with Celadon (catalogue/efficiency). */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEfficiency, type Efficiency } from './efficiency.ts';

const FOLDER = fileURLToPath(new URL('../../catalogue/efficiency/', import.meta.url));

/** All classes, by id. Throws ChipError when a file does not follow the schema. */
export function loadEfficiencies(): Efficiency[] {
  return fs
    .readdirSync(FOLDER)
    .toSorted()
    .map((name) => {
      const file = path.join(FOLDER, name);
      return parseEfficiency(JSON.parse(fs.readFileSync(file, 'utf8')), file);
    });
}

/** The class of a chip: its own, else the one that names no chips. */
export function efficiencyOf(chipId: string): Efficiency {
  const all = loadEfficiencies();
  return (
    all.find(({ chips }) => chips.includes(chipId)) ?? all.find(({ chips }) => chips.length === 0)!
  );
}
