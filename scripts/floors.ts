// The house rules that a program can check: who may import whom, and how long things may be.
//
// src/ is a house. Its folders are floors, and a folder imports only from lower floors, only through
// the other folder's index.ts (its face), never sideways. So the whole can be read from the ground
// up, and any folder can be understood, tested and replaced with nothing above it in mind.

import { posix } from 'node:path';
import { measureFunctions } from './functions.ts';
import type { FunctionLength } from './functions.ts';
import { importsOf } from './imports.ts';
import type { Import } from './imports.ts';
import { isTest, readFiles } from './tree.ts';

/** The floor of each folder of src/; in a folder with `/*`, each folder is a room of its own. */
const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  wasm: 1,
  x86: 1,
  trace: 1,
  grammar: 1,
  ir: 1,
  schema: 1,
  hdl: 1,
  chip: 2,
  model: 2,
  cost: 3,
  compile: 4,
  cluster: 4,
  'target/*': 5,
  engine: 5,
  interop: 5,
  serve: 6,
  explore: 6,
  cli: 7,
  'index.ts': 7, // what the package exports
};

const MAX_FILE_LINES = 400; // *.table.ts may be longer
const MAX_TEST_LINES = 600;
const MAX_FUNCTION_LINES = 60; // tests excepted
const NAMES_THAT_SAY_NOTHING = /^(?:utils?|helpers?|common|misc)(?=\.|$)/;

type Files = ReadonlyMap<string, string>;

/** What the file at `path` (as `src/chip/tpp.ts`) breaks, one sentence each: where, rule, finding. */
export function checkFiles(files: Files): string[] {
  const imports = new Map([...files].map(([path, source]) => [path, importsOf(source)]));
  return [
    ...[...files].flatMap(([path, source]) => [...checkName(path), ...checkLength(path, source)]),
    ...[...imports].flatMap(([path, list]) => list.flatMap((found) => checkImport(path, found))),
    ...findCycles(imports),
  ];
}

/** The functions that are too long. */
export function checkFunctions(functions: readonly FunctionLength[]): string[] {
  return functions
    .filter(({ path, lines }) => lines > MAX_FUNCTION_LINES && !isTest(path))
    .map(
      ({ path, line, lines }) =>
        `${path}:${line}: a function must have at most ${MAX_FUNCTION_LINES} lines, not ${lines}`,
    );
}

function checkName(path: string): string[] {
  if (folderOf(path) === undefined)
    return [
      `${path}:1: a file must be in a folder of the floor table (scripts/floors.ts), not here`,
    ];
  const name = path.split('/').find((part) => NAMES_THAT_SAY_NOTHING.test(part));
  return name ? [`${path}:1: a name must say what is inside, not "${name}"`] : [];
}

function checkLength(path: string, source: string): string[] {
  const most = isTest(path) ? MAX_TEST_LINES : MAX_FILE_LINES;
  const lines = source.trimEnd().split('\n').length;
  if (lines <= most || path.endsWith('.table.ts')) return [];
  return [`${path}:${most}: the file must have at most ${most} lines, not ${lines}`];
}

function checkImport(path: string, { specifier, line }: Import): string[] {
  const complain = (rule: string): string[] => [`${path}:${line}: ${rule}, not '${specifier}'`];
  if (specifier.startsWith('node:'))
    return mayUseNode(path)
      ? []
      : complain('only *.node.ts files, cli/ and tests may import from Node');
  if (!specifier.startsWith('.')) return [];

  const target = posix.join(posix.dirname(path), specifier);
  if (!target.startsWith('src/'))
    return isTest(path) || target.endsWith('.json')
      ? []
      : complain('a file must import only data (.json) from outside src/');
  return checkFloors(path, target).flatMap(complain);
}

/** The rule that an import of `target` from `path`, both under src/, breaks. */
function checkFloors(path: string, target: string): string[] {
  const [from, to] = [folderOf(path), folderOf(target)];
  if (from === undefined) return []; // already reported by checkName
  if (to === undefined) return ['an import must lead to a folder of the floor table'];
  if (from === to)
    return target.endsWith('/index.ts') && path.startsWith(target.slice(0, -'index.ts'.length))
      ? ['a file must import its neighbours, never the index.ts above itself']
      : [];
  const [below, above] = [floorOf(to), floorOf(from)];
  if (below >= above)
    return [`${from} (floor ${above}) must import from lower floors only (${to} is on ${below})`];
  if (target !== `src/${to}/index.ts`)
    return [`${from} must import ${to} through src/${to}/index.ts`];
  return [];
}

/** The folder of the floor table that `path` is in, with its room if it has rooms (`target/cpu`). */
export function folderOf(path: string): string | undefined {
  const [, folder = '', room = '', file] = path.split('/');
  if (folder in FLOORS) return folder;
  return `${folder}/*` in FLOORS && file ? `${folder}/${room}` : undefined;
}

function floorOf(folder: string): number {
  return FLOORS[folder] ?? FLOORS[`${posix.dirname(folder)}/*`]!;
}

function mayUseNode(path: string): boolean {
  return path.endsWith('.node.ts') || path.startsWith('src/cli/') || isTest(path);
}

/** Every import that closes a circle of files waiting for each other's values. */
function findCycles(imports: ReadonlyMap<string, readonly Import[]>): string[] {
  const finished = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const here = [...trail, path];
    for (const { specifier, kind, line } of imports.get(path) ?? []) {
      if (kind !== 'value' || !specifier.startsWith('.')) continue;
      const target = posix.join(posix.dirname(path), specifier);
      const start = here.indexOf(target);
      const circle = [...here.slice(start), target].join(' -> ');
      if (start >= 0)
        cycles.push(`${path}:${line}: files must not wait for each other, not ${circle}`);
      else if (!finished.has(target)) visit(target, here);
    }
    finished.add(path);
  };
  for (const path of imports.keys()) if (!finished.has(path)) visit(path, []);
  return cycles;
}

function main(): void {
  const files = readFiles('src/**/*.ts');
  const functions = measureFunctions('src');
  const problems = [...checkFiles(files), ...checkFunctions(functions)];
  for (const problem of problems) console.error(problem);
  console.log(`${files.size} files, ${functions.length} functions, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

if (import.meta.main) main();
