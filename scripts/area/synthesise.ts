/**
 * Synthesis of leaf modules by Yosys and ABC, for several libraries in one run.
 *
 * The Yosys of npm is used, not the machine's: Debian's has no `-booth`, without which multipliers are
 * half as big again. A run takes minutes, so results are kept in `.celadon/area`, named for all they
 * depend on.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { runYosys, version } from '@yowasp/yosys';
import { systemVerilogFiles, type Module } from '../../src/hdl/index.ts';
import { root } from '../tree.ts';
import type { CellLibrary } from './cellLibrary.ts';
import type { NetlistJson } from './netlist.ts';

/** What came out for one module and one library. */
export interface Synthesised {
  readonly netlist: NetlistJson;
  /** Of the slowest path from a flop or input to a flop or output. */
  readonly delayPs: number;
}

/** The commands of a run, as the table tells them; `-script` is one of ABC's. */
export const RECIPE = {
  tool: `Yosys ${version} (npm @yowasp/yosys)`,
  synth: 'synth -flatten -booth',
  abc: 'strash;&get,-n;&fraig,-x;&put;scorr;dc2;dch,-f;&get,-n;&nf;&put;buffer;upsize;dnsize;stime,-p',
};

const CACHE = path.join(root, '.celadon', 'area');

/** Synthesises a module for each library by name. Throws with the end of the log if Yosys fails. */
export async function synthesise(
  module: Module,
  libraries: ReadonlyMap<string, CellLibrary>,
): Promise<Map<string, Synthesised>> {
  const files = Object.fromEntries(systemVerilogFiles(module));
  const keyOf = (id: string): string => cacheKey([files, RECIPE, libraries.get(id)!.text]);
  const results = new Map<string, Synthesised>();
  const missing = [...libraries.keys()].filter((id) => {
    const known = readCache(keyOf(id));
    if (known) results.set(id, known);
    return !known;
  });
  if (missing.length === 0) return results;
  const fresh = await run(
    module.name,
    files,
    new Map(missing.map((id) => [id, libraries.get(id)!])),
  );
  for (const [id, result] of fresh) {
    writeCache(keyOf(id), result);
    results.set(id, result);
  }
  return results;
}

/** Separates the libraries in the log. */
const MARK = 'celadon-library';

async function run(
  top: string,
  files: Readonly<Record<string, string>>,
  libraries: ReadonlyMap<string, CellLibrary>,
): Promise<Map<string, Synthesised>> {
  const script = [
    ...Object.keys(files).map((file) => `read_verilog -sv -DSYNTHESIS ${file}`),
    `hierarchy -top ${top}`,
    `${RECIPE.synth} -top ${top}`,
    'design -save generic',
    ...[...libraries.keys()].flatMap((id) => [
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
  const { log, written } = await yosys(tree, top);
  const sections = new Map(log.split(`${MARK} `).map((part) => [part.split('\n', 1)[0]!, part]));
  return new Map(
    [...libraries.keys()].map((id) => {
      const { modules } = JSON.parse(String(written[`${id}.json`])) as NetlistFile;
      return [id, { netlist: prune(modules[top]!), delayPs: delayOf(sections.get(id) ?? '') }];
    }),
  );
}

interface NetlistFile {
  readonly modules: Readonly<Record<string, NetlistJson>>;
}
type Files = NonNullable<Awaited<ReturnType<typeof runYosys>>>;

async function yosys(files: Files, top: string): Promise<{ log: string; written: Files }> {
  const decoder = new TextDecoder();
  let log = '';
  const listen = (bytes: Uint8Array | null): void => {
    if (bytes) log += decoder.decode(bytes, { stream: true });
  };
  try {
    const options = { stdout: listen, stderr: listen, decodeASCII: true };
    return { written: (await runYosys(['-Q', '-T', '-s', 'run.ys'], files, options))!, log };
  } catch (error) {
    throw new Error(`Yosys must synthesise ${top}, but stopped after:\n${log.slice(-1500)}`, {
      cause: error,
    });
  }
}

/** What ABC says of the last netlist it timed; without gates there is no delay. */
function delayOf(log: string): number {
  const delays = [...log.matchAll(/Delay =\s*([\d.]+) ps/g)].map(([, ps]) => Number(ps));
  return delays.at(-1) ?? 0;
}

/** Ports, and of cells the type and the connections. */
function prune({ ports, cells }: NetlistJson): NetlistJson {
  const kept = Object.entries(cells).map(([name, { type, connections }]) => {
    return [name, { type, connections }];
  });
  return { ports, cells: Object.fromEntries(kept) };
}

function cacheKey(parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);
}

function readCache(key: string): Synthesised | undefined {
  const file = path.join(CACHE, `${key}.json`);
  if (!fs.existsSync(file)) return undefined;
  return JSON.parse(fs.readFileSync(file, 'utf8')) as Synthesised;
}

function writeCache(key: string, result: Synthesised): void {
  fs.mkdirSync(CACHE, { recursive: true });
  fs.writeFileSync(path.join(CACHE, `${key}.json`), JSON.stringify(result));
}
