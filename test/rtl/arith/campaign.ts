/**
 * Leaf units of the arithmetic in Verilator against references in C++, on very many vectors.
 *
 * A campaign is a module with a clock and `X.cpp` of this folder, which draws the vectors, computes what
 * is right and compares: no vector passes through JavaScript.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { Module } from '../../../src/hdl/index.ts';
import { runTool, writeModule } from '../tools.ts';

export interface Campaign {
  readonly module: Module;
  /** The file in this folder. */
  readonly reference: string;
  /** Cycles from operands to results, which must be exact. */
  readonly latency: number;
  readonly vectors: number;
  readonly seed: number;
  /** Warnings of Verilator's lint that are no fault here. */
  readonly ignored?: readonly string[];
}

/** Builds a campaign, which lints its module, and runs it. Fails with the first difference. */
export function runCampaign(
  t: { after(clean: () => void): void },
  { module, reference, latency, vectors, seed, ignored = [] }: Campaign,
): void {
  const { folder, files } = writeModule(t, module);
  // The host must round each f32 operation by itself, as the chip does.
  const flags = `-O2 -std=c++20 -ffp-contract=off -I${import.meta.dirname}`;
  const build = ['--cc', '--exe', '--build', '-Wall', '-O3', '-CFLAGS', flags];
  const ignore = ignored.map((warning) => `-Wno-${warning}`);
  const source = join(import.meta.dirname, reference);
  runTool('verilator', folder, ...build, ...ignore, '--top-module', module.name, ...files, source);
  const program = join(folder, 'obj_dir', `V${module.name}`);
  const result = spawnSync(program, [vectors, seed, latency].map(String), { encoding: 'utf8' });
  assert.equal(result.stdout, `${vectors} vectors\n`, `seed ${seed}: ${result.stdout}`);
}
