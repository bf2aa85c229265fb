/** celadon explore on a space that is small enough to be searched whole in a second or two. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { celadon, type Ending } from './commandLine.ts';

const MAIN = path.join(import.meta.dirname, '../src/cli/main.ts');
export const FOLDER = fs.mkdtempSync(path.join(os.tmpdir(), 'celadon-explore-'));
after(() => fs.rmSync(FOLDER, { recursive: true }));

/** Writes a JSON file and gives its name. */
export function file(name: string, value: unknown): string {
  const place = path.join(FOLDER, name);
  fs.writeFileSync(place, JSON.stringify(value));
  return place;
}

const AXES = {
  cores: [1],
  columns: [16, 32],
  formats: ['mxint8/mxint8', 'mxfp8/mxfp4'],
  lanes: [32],
  laneCycles: [4],
  scratchpadKiB: [128, 256],
  accumulatorRows: [256],
  loads: [2],
  memory: ['PSRAM'],
  bytesPerCycle: [4, 16],
  linkGBs: [1],
  clockShare: [1],
  node: ['ihp130', 'sky130'],
  chips: [1],
  pipeline: [1],
  expert: [1],
};
export const SPACE = file('space.json', { name: 'small', about: 'For tests.', axes: AXES });
export const WORKLOAD = 'input=32,output=64,concurrency=1';

export function explore(limits: object, ...more: string[]): Promise<Ending> {
  return celadon(...argumentsOf(limits), ...more);
}

/** In a process of its own, whose environment has these changes. */
export function exploreIn(
  changes: Readonly<Record<string, string>>,
  limits: object,
  ...more: string[]
): Ending {
  const env = { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...changes };
  const options = { encoding: 'utf8', env, timeout: 240_000 } as const;
  return spawnSync(process.execPath, [MAIN, ...argumentsOf(limits), ...more], options);
}

/** With threads of its own and no chips beside. */
function argumentsOf(limits: object): string[] {
  const name = file(`limits-${Math.random()}.json`, limits);
  const options = ['--limits', name, '--workload', WORKLOAD, '--threads', '1'];
  return ['explore', 'qwen3-tiny', '--space', SPACE, ...options, '--references', 'none'];
}

/** A row of the front as JSON. */
export interface Row {
  readonly chip: { readonly name: string };
  readonly metrics: Readonly<Record<string, number>>;
  readonly limitedBy: string;
}
