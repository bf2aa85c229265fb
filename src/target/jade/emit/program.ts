/**
 * A Jade program: instructions with addresses and semaphores, and the map of the memory they run on.
 *
 * Binary form: the encoded instructions, nothing else (see isa.table.ts).
 */
import { formatBytes, sha256Hex } from '../../../base/index.ts';
import type { Chip } from '../../../chip/index.ts';
import type { BufferPlan, Program } from '../../../compile/index.ts';
import type { Dims, Graph } from '../../../ir/index.ts';
import { formatInstruction } from '../disassemble.ts';
import { encode } from '../encode.ts';
import type { Instruction } from '../isa.table.ts';
import type { MemoryLayout } from '../layout.ts';

export interface LabelledInstruction {
  readonly instruction: Instruction;
  /** The operator it works for: in listings and traces, not in the program. */
  readonly label: string;
}

export interface JadeProgram extends Program {
  readonly layout: MemoryLayout;
  readonly instructions: readonly Instruction[];
  readonly labels: readonly string[];
  /** The encoded instructions. */
  bytes(): Uint8Array;
}

export function makeProgram(
  graph: Graph,
  dims: Dims,
  layout: MemoryLayout,
  code: readonly LabelledInstruction[],
  plan: BufferPlan,
  chip: Chip,
): JadeProgram {
  const instructions = code.map(({ instruction }) => instruction);
  const bytes = encode(instructions, chip);
  return {
    target: 'jade',
    dims,
    graph,
    layout,
    instructions,
    labels: code.map(({ label }) => label),
    hash: sha256Hex(bytes),
    sizeBytes: bytes.length,
    bytes: () => bytes,
    listing: () => listingOf(code),
    memoryMap: () => memoryMapOf(layout, plan),
  };
}

function listingOf(code: readonly LabelledInstruction[]): string {
  return code
    .map(({ instruction, label }) => `${formatInstruction(instruction)}  // ${label}`)
    .join('\n');
}

function memoryMapOf(layout: MemoryLayout, plan: BufferPlan): string {
  const weights = [...layout.weights.values()].map(
    (w) => [w.address, `${w.format} ${w.rows}x${w.columns} ${w.name}`] as const,
  );
  const regions = [...layout.regions.values()].map(
    (r) => [r.address, `${r.kind} ${r.sizeBytes} bytes ${r.name.slice(0, 80)}`] as const,
  );
  const memory = [...weights, ...regions].toSorted((a, b) => a[0] - b[0]);
  const chip = [...plan].map(([buffer, address]) => {
    const life = `${buffer.first}…${buffer.last}`;
    return `${hex(address)}  ${buffer.region}  ${buffer.sizeBytes} bytes  steps ${life}  ${buffer.name}`;
  });
  return [
    `memory (${formatBytes(layout.sizeBytes)})`,
    ...memory.map(([address, text]) => `${hex(address)}  ${text}`),
    'chip',
    ...chip,
  ].join('\n');
}

function hex(address: number): string {
  return `0x${address.toString(16).padStart(8, '0')}`;
}
