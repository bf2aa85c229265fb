/** Checks of the machine for celadon doctor: Node, processor, WebAssembly, memory, tools. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { formatBytes } from '../base/index.ts';

/** ok: as wished; warn: works, but less well; missing: something does not work without it. */
export type Status = 'ok' | 'warn' | 'missing';

export interface Check {
  readonly name: string;
  readonly status: Status;
  readonly found: string;
  /** What to do; only when the status is not ok. */
  readonly fix?: string;
  /** Nothing works without it. */
  readonly required?: boolean;
}

const LEAST_NODE = [24, 3] as const;

export function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const recent = major > LEAST_NODE[0] || (major === LEAST_NODE[0] && minor >= LEAST_NODE[1]);
  const found = `${process.versions.node} at ${process.execPath}`;
  if (recent) return { name: 'node', status: 'ok', found };
  const fix = `install Node ${LEAST_NODE.join('.')} or newer`;
  return { name: 'node', status: 'missing', found, fix, required: true };
}

/** Instruction set extensions that fast kernels profit from. */
const PROFITABLE = [
  'avx2',
  'fma',
  'avx512f',
  'avx512_vnni',
  'amx_int8',
  'asimd',
  'asimddp',
  'i8mm',
];

export function checkProcessor(): Check {
  const model = os.cpus()[0]?.model.trim() ?? 'unknown';
  const features = processorFeatures();
  const found = `${os.availableParallelism()} × ${model}, ${process.arch}`;
  if (features === undefined) return { name: 'processor', status: 'ok', found };
  const useful = PROFITABLE.filter((feature) => features.has(feature));
  return {
    name: 'processor',
    status: 'ok',
    found: `${found}: ${useful.join(' ') || 'no extension'}`,
  };
}

/** Flags the Linux kernel reports; undefined elsewhere. */
function processorFeatures(): Set<string> | undefined {
  try {
    const line = /^(?:flags|Features)\s*:(.*)$/m.exec(fs.readFileSync('/proc/cpuinfo', 'utf8'));
    return line ? new Set(line[1]!.trim().split(/\s+/)) : undefined;
  } catch {
    return undefined;
  }
}

const LEAST_FREE_BYTES = 2 ** 30;

export function checkMemory(): Check {
  const [free, total] = [process.availableMemory(), os.totalmem()];
  const found = `${formatBytes(free)} available of ${formatBytes(total)}`;
  if (free >= LEAST_FREE_BYTES) return { name: 'memory', status: 'ok', found };
  const fix = `close programs: the demo needs about ${formatBytes(LEAST_FREE_BYTES)}`;
  return { name: 'memory', status: 'warn', found, fix };
}

export function checkTemporaryFolder(): Check {
  const folder = os.tmpdir();
  try {
    fs.rmdirSync(fs.mkdtempSync(path.join(folder, 'celadon-')));
    return { name: 'temporary folder', status: 'ok', found: folder };
  } catch (error) {
    const found = `${folder}: ${(error as NodeJS.ErrnoException).code}`;
    return {
      name: 'temporary folder',
      status: 'warn',
      found,
      fix: 'set TMPDIR to a writable folder',
    };
  }
}

/**
 * The smallest modules that are valid only with the feature: a function that uses one of its
 * instructions, or a memory of its kind. Header and sections as in the WebAssembly specification,
 * section "Binary Format".
 */
const WASM_FEATURES: readonly { name: string; module: readonly number[]; required: boolean }[] = [
  {
    name: 'simd', // i8x16.splat, i8x16.popcnt
    module: [1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
    required: true,
  },
  {
    name: 'relaxed simd', // i8x16.relaxed_swizzle
    module: [
      1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253,
      128, 2, 11,
    ],
    required: false,
  },
  {
    name: 'threads', // a shared memory and i32.atomic.load
    module: [
      1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26,
      11,
    ],
    required: false,
  },
  { name: 'memory64', module: [5, 3, 1, 4, 1], required: false }, // a memory with 64-bit addresses
];

const WASM_HEADER = [0, 97, 115, 109, 1, 0, 0, 0];

/** TypeScript declares the API only together with the whole DOM. */
const { WebAssembly } = globalThis as unknown as {
  readonly WebAssembly: { validate(bytes: Uint8Array): boolean };
};

export function checkWasm(): Check[] {
  return WASM_FEATURES.map(({ name, module, required }) => {
    const valid = WebAssembly.validate(Uint8Array.from([...WASM_HEADER, ...module]));
    const check = { name: `wasm ${name}`, found: valid ? 'yes' : 'no', required };
    if (valid) return { ...check, status: 'ok' as const };
    const fix = 'use a Node for a newer processor or of a newer version';
    return { ...check, status: required ? ('missing' as const) : ('warn' as const), fix };
  });
}

/** Programs that are used when they are there: for the hardware generator only. */
const TOOLS = [
  {
    tool: 'verilator',
    arguments: ['--version'],
    fix: 'apt-get install verilator (to simulate RTL)',
  },
  { tool: 'yosys', arguments: ['-V'], fix: 'apt-get install yosys (to estimate area)' },
];

export function checkTools(): Check[] {
  return TOOLS.map(({ tool, arguments: args, fix }) => {
    const { error, stdout } = spawnSync(tool, args, { encoding: 'utf8', timeout: 10_000 });
    if (error) return { name: tool, status: 'missing', found: 'not on the PATH', fix };
    return { name: tool, status: 'ok', found: stdout.trim().split('\n')[0] ?? '' };
  });
}
