/** Spaces and limits from files, and the estimates of chips from the catalogue. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { nearestName, UsageError } from '../../base/index.ts';
import {
  loadAllSilicon,
  loadExportRules,
  loadMemories,
  loadWafers,
  readDescription,
} from '../../chip/index.ts';
import { loadSiliconPieces } from '../../target/jade/index.ts';
import { COMPARE_SPACE, parseSpace, type SpaceFile } from './axes.ts';
import { ChipEstimates } from './chipEstimates.ts';
import { COMPARE_LIMITS, Limits, parseLimits } from './limits.ts';

const FOLDER = fileURLToPath(new URL('../../../catalogue/spaces/', import.meta.url));
const SUFFIX = '.json';

/** Names of the built-in spaces, sorted. */
export function spaceNames(): string[] {
  return fs
    .readdirSync(FOLDER)
    .map((file) => path.basename(file, SUFFIX))
    .toSorted();
}

/** A built-in space by name, or one from a JSON file. Throws UsageError, or ChipError when it is wrong. */
export function loadSpaceFile(nameOrFile: string): SpaceFile {
  const isPath = nameOrFile.endsWith(SUFFIX) || nameOrFile.includes('/');
  const names = spaceNames();
  if (!isPath && !names.includes(nameOrFile)) {
    const near = nearestName(nameOrFile, names);
    throw new UsageError(
      `the space must be one of ${names.join(', ')} or a .json file, not ${JSON.stringify(nameOrFile)}`,
      {
        where: '--space',
        hint:
          near === undefined
            ? 'give a name, or a path with a slash in it'
            : `did you mean ${near}?`,
      },
    );
  }
  const file = isPath ? nameOrFile : path.join(FOLDER, `${nameOrFile}${SUFFIX}`);
  const missing = `built-in spaces go by name: ${names.join(', ')}`;
  return parseSpace(readDescription(file, COMPARE_SPACE, missing), file);
}

/** Limits from a JSON file. Throws UsageError, or ChipError when they are wrong. */
export function loadLimits(file: string, estimates: ChipEstimates): Limits {
  const value = readDescription(file, COMPARE_LIMITS, 'limits are a JSON file');
  return new Limits(parseLimits(value, file), estimates, loadExportRules());
}

/** Estimates of chips on every node and with every memory of the catalogue. */
export async function loadChipEstimates(): Promise<ChipEstimates> {
  const { SiliconPieces } = await loadSiliconPieces();
  return new ChipEstimates({
    pieces: new SiliconPieces(),
    nodes: loadAllSilicon(),
    memories: loadMemories(),
    wafers: loadWafers(),
  });
}
