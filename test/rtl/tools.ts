/**
 * The tools of the group `rtl`: whether they are here, and running them.
 *
 * A test that needs a tool says so with `skip: missing('yosys')`, so the report shows the reason.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemVerilogFiles, type Module } from '../../src/hdl/index.ts';

export type Tool = 'verilator' | 'yosys' | 'iverilog' | 'yosys-smtbmc' | 'z3';

/** Why a test that needs these tools cannot run, or false if it can. */
export function missing(...tools: readonly Tool[]): string | false {
  const absent = tools.filter((tool) => spawnSync(tool, ['-V']).error !== undefined);
  return absent.length > 0 && `not installed: ${absent.join(', ')}`;
}

/** A folder that is gone when the test ends, with the files of a module; returns it and their names. */
export function writeModule(
  t: { after(clean: () => void): void },
  top: Module,
): { folder: string; files: string[] } {
  const folder = mkdtempSync(join(tmpdir(), 'celadon-rtl-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const files = systemVerilogFiles(top);
  for (const [name, text] of files) writeFileSync(join(folder, name), text);
  return { folder, files: [...files.keys()] };
}

/** Runs a tool in a folder. Throws with all it printed unless it succeeds without a warning. */
export function runTool(tool: Tool, folder: string, ...args: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync(tool, args, { cwd: folder, encoding: 'utf8' });
  const text = `${stdout}${stderr}`;
  if (status === 0 && !/warning/i.test(text)) return;
  throw new Error(`${tool} ${args.join(' ')}: must succeed without a warning, not\n${text}`);
}
