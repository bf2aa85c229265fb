/**
 * Synthesis of modules by Yosys and ABC, for several libraries in one run. A run takes minutes, so results
 * are kept in a folder, named for all they depend on.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { systemVerilogFiles, type Module } from '../../hdl/index.ts';
import type { CellLibrary } from './cellLibrary.ts';
import type { NetlistJson, Synthesised } from './netlistJson.ts';
import { findYosys, type Files, type Yosys } from './yosys.node.ts';

/** The commands of a run, as the table tells them; `-script` is one of ABC's. */
export const RECIPE = {
  synth: 'synth -flatten -booth',
  abc: 'strash;&get,-n;&fraig,-x;&put;scorr;dc2;dch,-f;&get,-n;&nf;&put;buffer;upsize;dnsize;stime,-p',
};

const CACHE = path.join(os.tmpdir(), 'celadon-synthesis');

export interface SynthesisOptions {
  /** Where results are kept. */
  readonly cache?: string;
  /** Modules inside that stay as they are: nothing of them is in the netlist. */
  readonly isBox?: (module: Module) => boolean;
}

/**
 * Synthesises a module for each library by name. Throws UnsupportedError without Yosys, FormatError with
 * the end of the log if it fails.
 */
export async function synthesise(
  module: Module,
  libraries: ReadonlyMap<string, CellLibrary>,
  { cache = CACHE, isBox = () => false }: SynthesisOptions = {},
): Promise<Map<string, Synthesised>> {
  const yosys = await findYosys();
  const files = Object.fromEntries(systemVerilogFiles(module, isBox));
  const recipe = { tool: yosys.tool, ...RECIPE };
  const fileOf = (id: string): string =>
    path.join(cache, `${cacheKey([files, recipe, libraries.get(id)!.text])}.json`);
  const results = new Map<string, Synthesised>();
  const missing = new Map<string, CellLibrary>();
  for (const [id, library] of libraries) {
    const known = readCache(fileOf(id));
    if (known === undefined) missing.set(id, library);
    else results.set(id, known);
  }
  if (missing.size === 0) return results;
  const boxes = new Set(boxesIn(module, isBox));
  for (const [id, result] of await run(yosys, module.name, files, missing, boxes)) {
    fs.mkdirSync(cache, { recursive: true });
    fs.writeFileSync(fileOf(id), JSON.stringify(result));
    results.set(id, result);
  }
  return results;
}

/** Separates the libraries in the log. */
const MARK = 'celadon-library';

async function run(
  yosys: Yosys,
  top: string,
  files: Files,
  libraries: ReadonlyMap<string, CellLibrary>,
  boxes: ReadonlySet<string>,
): Promise<Map<string, Synthesised>> {
  const ids = [...libraries.keys()];
  const script = [
    ...Object.keys(files).map((file) => `read_verilog -sv -DSYNTHESIS ${file}`),
    `hierarchy -top ${top}`,
    `${RECIPE.synth} -top ${top}`,
    'design -save generic',
    ...ids.flatMap((id) => [
      'design -load generic',
      `log ${MARK} ${id}`,
      `dfflibmap -liberty ${id}.lib`,
      `abc -liberty ${id}.lib -script +${RECIPE.abc}`,
      'opt_clean -purge',
      `write_json ${id}.json`,
    ]),
  ];
  const libraryFiles = [...libraries].map(([id, { text }]) => [`${id}.lib`, text]);
  const tree = { ...files, ...Object.fromEntries(libraryFiles), 'run.ys': script.join('\n') };
  const { log, written } = await yosys.run(
    tree,
    ids.map((id) => `${id}.json`),
  );
  const sections = new Map(log.split(`${MARK} `).map((part) => [part.split('\n', 1)[0]!, part]));
  return new Map(
    ids.map((id) => {
      const { modules } = JSON.parse(written[`${id}.json`]!) as NetlistFile;
      const netlist = prune(modules[top]!, boxes);
      return [id, { netlist, delayPs: delayOf(sections.get(id) ?? '') }];
    }),
  );
}

/** Names of the boxes inside of a module. */
function boxesIn({ instances }: Module, isBox: (module: Module) => boolean): string[] {
  return instances.flatMap(({ module }) =>
    isBox(module) ? [module.name] : boxesIn(module, isBox),
  );
}

interface NetlistFile {
  readonly modules: Readonly<Record<string, NetlistJson>>;
}

/** What ABC says of the last netlist it timed; without gates there is no delay. */
function delayOf(log: string): number {
  const delays = [...log.matchAll(/Delay =\s*([\d.]+) ps/g)].map(([, ps]) => Number(ps));
  return delays.at(-1) ?? 0;
}

/** Ports, and of cells the type and the connections, but for instances of boxes. */
function prune({ ports, cells }: NetlistJson, boxes: ReadonlySet<string>): NetlistJson {
  const kept = Object.entries(cells)
    .filter(([, { type }]) => !boxes.has(type))
    .map(([name, { type, connections }]) => [name, { type, connections }]);
  return { ports, cells: Object.fromEntries(kept) };
}

function cacheKey(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function readCache(file: string): Synthesised | undefined {
  if (!fs.existsSync(file)) return undefined;
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Synthesised;
}
