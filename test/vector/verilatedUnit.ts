/**
 * The vector unit in Verilator with its memory in C++: many instructions, one after another, each on a
 * memory of its own.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool, writeModule } from '../rtl/tools.ts';
import type { Random } from '../../src/base/index.ts';
import type { Chip } from '../../src/chip/index.ts';
import { snakeCase } from '../../src/hdl/names.ts';

import { instructionPorts, type Outcome } from './bench.ts';
import type { VectorCase } from './randomInstruction.ts';
import { VECTOR_FIELDS, vectorUnit } from '../../src/target/jade/rtl/vector/vectorUnit.ts';

/** One copy of the lane's code for all lanes: half the time to build. */
const ONE_LANE = '`verilator_config\nno_inline -module "vector_lane"\n';

/** What an instruction made of the chip. */
export interface VerilatedOutcome extends Outcome {
  readonly local: Uint8Array;
}

/** Builds the unit, lint included; the result runs instructions. Throws with the tool's text. */
export function verilatedUnit(
  t: { after(clean: () => void): void },
  chip: Chip,
  addressBits: number,
): (cases: readonly VectorCase[], random: Random) => VerilatedOutcome[] {
  const module = vectorUnit(chip, addressBits);
  const { folder, files } = writeModule(t, module);
  writeFileSync(join(folder, 'main.cpp'), mainProgram(chip.vector.lanes));
  writeFileSync(join(folder, 'lanes.vlt'), ONE_LANE);
  const build = ['--cc', '--exe', '--build', '-Wall', '-Wno-UNUSEDSIGNAL', '--assert', '-O3'];
  const flags = ['-CFLAGS', '-O1', '--top-module', module.name];
  runTool('verilator', folder, ...build, ...flags, 'lanes.vlt', ...files, 'main.cpp');
  return (cases, random) => {
    const input = Buffer.concat(cases.map((one) => packCase(one, random)));
    const program = join(folder, 'obj_dir', `V${module.name}`);
    const { status, stdout, stderr } = spawnSync(program, { input, maxBuffer: 2 ** 31 });
    if (status !== 0) throw new Error(`the program must run, not end with ${status}: ${stderr}`);
    return unpackOutcomes(stdout, cases);
  };
}

/** Size of the memory, the instruction's ports, the positions, the memory. */
function packCase({ op, fields, state }: VectorCase, random: Random): Buffer {
  const ports = instructionPorts(random, op, fields);
  const names = ['opcode', ...Object.keys(VECTOR_FIELDS)];
  const words = Uint32Array.from([
    state.local.length,
    ...names.map((name) => Number(ports[name])),
    ...state.positions,
  ]);
  return Buffer.concat([Buffer.from(words.buffer), state.local]);
}

function unpackOutcomes(bytes: Buffer, cases: readonly VectorCase[]): VerilatedOutcome[] {
  let at = 0;
  return cases.map(({ state }) => {
    const [cycles, fault] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    const local = bytes.subarray(at + 8, at + 8 + state.local.length);
    at += 8 + state.local.length;
    return { cycles, fault: fault === 1, local };
  });
}

function mainProgram(lanes: number): string {
  const ports = ['opcode', ...Object.keys(VECTOR_FIELDS)];
  return `#include "Vvector_unit.h"
#include <cstdio>
#include <cstring>
#include <vector>

// Answers come three cycles after their requests; bytes that are not asked for are all ones.
const int WINDOW = ${lanes}, ANSWER = 3, MOST = 1000000;
struct Answer { uint32_t window[WINDOW]; uint32_t control; uint32_t position; };

static bool get(void* to, size_t bytes) { return fread(to, bytes, 1, stdin) == 1; }
${MEMORY}
int main() {
  Vvector_unit top;
  top.reset = 1;
  edge(top);
  top.reset = 0;
  uint32_t size;
  while (get(&size, 4)) {
    uint32_t fields[${ports.length}], positions[128];
    std::vector<uint8_t> local(size);
    if (!get(fields, sizeof fields) || !get(positions, sizeof positions) || !get(local.data(), size)) return 2;
${ports.map((port, i) => `    top.${snakeCase(port)} = fields[${i}];`).join('\n')}
    uint32_t fault = 0;
    const uint32_t cycles = run(top, local, positions, fault);
    fwrite(&cycles, 4, 1, stdout);
    fwrite(&fault, 4, 1, stdout);
    fwrite(local.data(), size, 1, stdout);
  }
  return 0;
}
`;
}

/** One instruction, from the start to its end. */
const MEMORY = `
static void edge(Vvector_unit& top) {
  top.clock = 0;
  top.eval();
  top.clock = 1;
  top.eval();
}

static void take(Vvector_unit& top, std::vector<uint8_t>& local, const uint32_t* positions, Answer& next) {
  memset(&next, 255, sizeof next);
  if (top.read_valid) memcpy(next.window, &local.at(top.read_address), top.read_bytes);
  if (top.control_valid) memcpy(&next.control, &local.at(top.control_address), 4);
  next.position = positions[top.position_index];
  if (top.write_valid) memcpy(&local.at(top.write_address), top.write_data.m_storage, top.write_bytes);
  const uint32_t word = top.control_write_data;
  if (top.control_write_valid) memcpy(&local.at(top.control_write_address), &word, 4);
}

static uint32_t run(Vvector_unit& top, std::vector<uint8_t>& local, const uint32_t* positions, uint32_t& fault) {
  Answer answers[ANSWER + 1] = {};
  for (uint32_t cycle = 0; cycle < MOST; cycle++) {
    const Answer& answer = answers[cycle % (ANSWER + 1)];
    memcpy(top.read_data.m_storage, answer.window, sizeof answer.window);
    top.control_data = answer.control;
    top.position = answer.position;
    top.start = cycle == 0;
    top.clock = 0;
    top.eval();
    take(top, local, positions, answers[(cycle + ANSWER) % (ANSWER + 1)]);
    fault |= top.fault;
    const bool ends = top.retire;
    edge(top);
    if (ends) return cycle;
  }
  exit(3);
}
`;
