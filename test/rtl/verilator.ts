/**
 * Builds a module with Verilator and runs it on stimuli, for comparison with the `CycleSimulator`.
 *
 * The program gets and gives raw 32-bit words: for each cycle the reset and each input, then each
 * output, a port in as many words as it is wide, the lowest first. A build takes many seconds whatever
 * its size, so tests put many circuits below one top.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { snakeCase } from '../../src/hdl/names.ts';
import { CycleSimulator, type Module, type Signal } from '../../src/hdl/index.ts';
import type { Stimulus } from '../hdl/randomCircuit.ts';
import { runTool, writeModule } from './tools.ts';

/** What a cycle gives, before its edge. */
export type Outputs = Readonly<Record<string, bigint>>;

/** A module as a program; lint with `-Wall` included, but for the warnings to ignore. Throws with the tool's text. */
export function buildWithVerilator(
  t: { after(clean: () => void): void },
  module: Module,
  ...ignored: readonly string[]
): (stimuli: readonly Stimulus[]) => Outputs[] {
  const { folder, files } = writeModule(t, module);
  writeFileSync(join(folder, 'main.cpp'), mainProgram(module));
  const build = ['--cc', '--exe', '--build', '-Wall', '--assert', '-CFLAGS', '-O0'];
  const ignore = ignored.map((warning) => `-Wno-${warning}`);
  runTool(
    'verilator',
    folder,
    ...build,
    ...ignore,
    '--top-module',
    module.name,
    ...files,
    'main.cpp',
  );
  return (stimuli) => {
    const program = join(folder, 'obj_dir', `V${module.name}`);
    const input = packStimuli(module, stimuli);
    const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 2 ** 30 });
    if (status !== 0) {
      // Verilator says what was wrong where the outputs go too.
      const error = /%Error[^\n]*/.exec(stdout.toString('latin1')) ?? stderr;
      throw new Error(`${module.name}: must run, not end with ${status}: ${error}`);
    }
    return unpackOutputs(module, stdout, stimuli.length);
  };
}

/** The same on the `CycleSimulator`. */
export function simulate(module: Module, stimuli: readonly Stimulus[]): Outputs[] {
  const simulator = new CycleSimulator(module);
  return stimuli.map(({ reset, inputs }) => {
    return reset ? simulator.reset(inputs) : simulator.step(inputs);
  });
}

function packStimuli({ inputs }: Module, stimuli: readonly Stimulus[]): Uint8Array {
  const words = stimuli.flatMap((stimulus) => [
    Number(stimulus.reset),
    ...Object.entries(inputs).flatMap(([port, { width }]) =>
      Array.from({ length: Math.ceil(width / 32) }, (_, i) =>
        Number(BigInt.asUintN(32, stimulus.inputs[port] >> BigInt(32 * i))),
      ),
    ),
  ]);
  return new Uint8Array(Uint32Array.from(words).buffer);
}

function unpackOutputs({ outputs }: Module, bytes: Buffer, cycles: number): Outputs[] {
  const words = new Uint32Array(new Uint8Array(bytes).buffer);
  let at = 0;
  const take = ({ width }: Signal): bigint => {
    const count = Math.ceil(width / 32);
    at += count;
    return words
      .subarray(at - count, at)
      .reduceRight((all, word) => (all << 32n) | BigInt(word), 0n);
  };
  return Array.from({ length: cycles }, () =>
    Object.fromEntries(Object.entries(outputs).map(([port, signal]) => [port, take(signal)])),
  );
}

function mainProgram({ name, clock, reset, inputs, outputs }: Module): string {
  const call = (verb: string, ports: Readonly<Record<string, Signal>>): string[] =>
    Object.keys(ports).map((port) => `    ${verb}(top.${snakeCase(port)});`);
  return `#include "V${name}.h"
#include <cstdio>

template <typename T> void give(T& port) {
  uint32_t words[(sizeof(T) + 3) / 4] = {};
  if (fread(words, sizeof words, 1, stdin) != 1) std::exit(2);
  port = T(sizeof(T) > 4 ? words[0] | uint64_t(words[sizeof(T) / 4 - 1]) << 32 : words[0]);
}
template <std::size_t N> void give(VlWide<N>& port) {
  if (fread(port.m_storage, 4, N, stdin) != N) std::exit(2);
}
template <typename T> void take(T port) {
  const uint32_t words[2] = {uint32_t(port), uint32_t(uint64_t(port) >> 32)};
  fwrite(words, (sizeof(T) + 3) / 4 * 4, 1, stdout);
}
template <std::size_t N> void take(VlWide<N>& port) { fwrite(port.m_storage, 4, N, stdout); }

int main() {
  V${name} top;
  uint32_t reset;
  while (fread(&reset, 4, 1, stdin) == 1) {
${[reset ? '    top.reset = reset;' : '', ...call('give', inputs)].join('\n')}
    ${clock ? 'top.clock = 0;' : ''}
    top.eval();
${call('take', outputs).join('\n')}
    ${clock ? 'top.clock = 1;\n    top.eval();' : ''}
  }
  return 0;
}
`;
}
