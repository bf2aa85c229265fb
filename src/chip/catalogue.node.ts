/** The chips that ship with Celadon (catalogue/chips), and chip descriptions from files. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChipError, UsageError, formatBytes, nearestName } from '../base/index.ts';
import { parseAccelerator, type Accelerator } from './accelerator.ts';
import { COMPARE_HINT, parseChip, type Chip } from './chip.ts';
import { parseExportRules, type ExportRules } from './exportRules.ts';
import {
  parseAssumptions,
  parseProcurement,
  parseRoadmap,
  parseShipments,
  type Assumptions,
  type Procurement,
  type Roadmap,
  type Shipments,
} from './market.ts';
import { parseMemories, parseWafers, type Memories, type Wafers } from './supply.ts';
import {
  parseDefects,
  parseSoftwareStack,
  parseUnitFormats,
  type Defect,
  type SoftwareStack,
  type UnitFormats,
} from './software.ts';

const CATALOGUE = fileURLToPath(new URL('../../catalogue/', import.meta.url));
const CHIPS = path.join(CATALOGUE, 'chips');
const ACCELERATORS = path.join(CATALOGUE, 'accelerators');
const SUFFIX = '.json';

/** A description is a few KiB; anything much larger is another file. */
const MAX_FILE_BYTES = 2 ** 18;

/** Names of the built-in chips, sorted. */
export function chipNames(): string[] {
  return namesIn(CHIPS);
}

function namesIn(folder: string): string[] {
  const files = fs.readdirSync(folder).filter((file) => file.endsWith(SUFFIX));
  return files.map((file) => file.slice(0, -SUFFIX.length)).toSorted();
}

/**
 * Load a chip by its built-in name or from a JSON file; what looks like a path is never taken for a
 * name. Throws UsageError when there is no such chip or file, ChipError when the description is wrong.
 */
export function loadChip(nameOrFile: string): Chip {
  if (looksLikePath(nameOrFile)) return readChip(nameOrFile);
  const names = chipNames();
  if (names.includes(nameOrFile)) return readChip(path.join(CHIPS, `${nameOrFile}${SUFFIX}`));
  const near = nearestName(nameOrFile, names);
  throw new UsageError(
    `the chip must be one of ${names.join(', ')} or a .json file, not ${JSON.stringify(nameOrFile)}`,
    {
      where: '--chip',
      hint:
        near === undefined ? 'give a name, or a path with a slash in it' : `did you mean ${near}?`,
    },
  );
}

/** All accelerators of other makers, by id. Throws ChipError when a file does not follow the schema. */
export function loadAccelerators(): Accelerator[] {
  return namesIn(ACCELERATORS).map(readAccelerator);
}

/** One of them. Throws UsageError that names the nearest when there is none of that id. */
export function loadAccelerator(id: string): Accelerator {
  const names = namesIn(ACCELERATORS);
  if (names.includes(id)) return readAccelerator(id);
  const near = nearestName(id, names);
  throw new UsageError(
    `the chip must be one of the ${names.length} in the catalogue, not ${JSON.stringify(id)}`,
    {
      where: 'celadon chips',
      hint: near === undefined ? 'celadon chips lists them' : `did you mean ${near}?`,
    },
  );
}

function readAccelerator(id: string): Accelerator {
  const file = path.join(ACCELERATORS, `${id}${SUFFIX}`);
  const chip = parseAccelerator(readJson(file), file);
  if (chip.id === id) return chip;
  throw new ChipError(`the id must be the name of the file, ${id}, not ${chip.id}`, {
    where: file,
  });
}

/** Export rules of the United States on chips. */
export function loadExportRules(): ExportRules {
  const file = path.join(CATALOGUE, 'rules', 'us-export.json');
  return parseExportRules(readJson(file), file);
}

/** All software stacks, by id. */
export function loadSoftwareStacks(): SoftwareStack[] {
  return readFolder('software', parseSoftwareStack);
}

/** Formats of matrix units beyond published rates. */
export function loadUnitFormats(): UnitFormats {
  const file = path.join(CATALOGUE, 'formats.json');
  return parseUnitFormats(readJson(file), file);
}

export function loadDefects(): Defect[] {
  return readFolder('defects', parseDefects).flat();
}

export function loadShipments(): Shipments[] {
  return readFolder('shipments', parseShipments);
}

export function loadProcurement(): Procurement[] {
  return readFolder('procurement', parseProcurement);
}

/** What the comparison of roadmaps assumes. */
export function loadAssumptions(): Assumptions {
  const file = path.join(CATALOGUE, 'parity.json');
  return parseAssumptions(readJson(file), file);
}

/** Memories beside a chip, by id. */
export function loadMemories(): Memories {
  const file = path.join(CATALOGUE, 'memories.json');
  return parseMemories(readJson(file), file);
}

/** What wafers of the process nodes, their yield and packages cost. */
export function loadWafers(): Wafers {
  const file = path.join(CATALOGUE, 'wafers.json');
  return parseWafers(readJson(file), file);
}

export function loadRoadmaps(): Roadmap[] {
  return readFolder('roadmaps', parseRoadmap);
}

/** Every file of a folder of the catalogue. Throws ChipError when one does not follow its schema. */
function readFolder<T>(name: string, parse: (value: unknown, where: string) => T): T[] {
  const folder = path.join(CATALOGUE, name);
  return namesIn(folder).map((each) => {
    const file = path.join(folder, `${each}${SUFFIX}`);
    return parse(readJson(file), file);
  });
}

function looksLikePath(text: string): boolean {
  return text.endsWith(SUFFIX) || text.includes('/') || text.includes(path.sep);
}

function readChip(file: string): Chip {
  return parseChip(readJson(file), file);
}

function readJson(file: string): unknown {
  return readDescription(
    file,
    COMPARE_HINT,
    `built-in chips go by name: ${chipNames().join(', ')}`,
  );
}

/**
 * The JSON value in a file of a few KiB. Throws UsageError when there is no such file (`missing` says what
 * to do), ChipError when it is too large or no JSON (`wrong` does).
 */
export function readDescription(file: string, wrong: string, missing: string): unknown {
  try {
    return JSON.parse(readText(file, wrong, missing));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new ChipError(`a description must be JSON: ${error.message}`, {
      where: file,
      hint: wrong,
    });
  }
}

function readText(file: string, wrong: string, missing: string): string {
  const status = fs.statSync(file, { throwIfNoEntry: false });
  if (!status?.isFile()) {
    throw new UsageError(
      `a readable file is required, not ${status ? 'a folder or device' : 'nothing'}`,
      {
        where: file,
        hint: missing,
      },
    );
  }
  if (status.size <= MAX_FILE_BYTES) return fs.readFileSync(file, 'utf8');
  throw new ChipError(
    `a description must have at most ${formatBytes(MAX_FILE_BYTES)}, not ${formatBytes(status.size)}`,
    { where: file, hint: wrong },
  );
}
