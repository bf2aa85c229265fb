/** Loads machine code into this process: a library in a private temporary folder, opened and deleted at once. */
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CeladonError, UnsupportedError } from '../base/index.ts';
import type { Assembler } from './assembler.ts';
import { addBridge, ENTRY, NODE_API, type Slots } from './bridge.ts';
import { addCpuFeatures, CPU_FEATURES, decodeFeatures, FEATURE_CELLS } from './cpuFeatures.ts';
import type { CpuFeatures } from './cpuFeatures.ts';
import { encodeLibrary, slotDistance } from './elf.ts';
import { ADVISE_HUGE_PAGES, addAdviseHugePages } from './hugePages.ts';
import type { Label } from './operands.ts';

/** Loaded machine code. Addresses are whole numbers below 2^53. */
export interface NativeLibrary {
  /** Address of a function by the name it was added under. Throws CeladonError if there is none. */
  functionAddress(name: string): number;
  /** Address of a buffer's first byte; it stays while the buffer is alive and not resized. */
  addressOf(buffer: ArrayBuffer | SharedArrayBuffer): number;
  /** Zeroed memory in huge pages where there are. Throws CeladonError if there is not so much. */
  map(bytes: number): ArrayBuffer;
  /** Wish for huge pages in memory that starts at a page. */
  adviseHugePages(address: number, bytes: number): void;
  /** Run a function on the block at an address: nothing is checked. */
  call(functionAddress: number, blockAddress: number): void;
  readonly features: CpuFeatures;
}

interface Bridge {
  readonly code: number;
  addressOf(buffer: ArrayBuffer | SharedArrayBuffer): number | undefined;
  map(bytes: number): ArrayBuffer | undefined;
  call(functionAddress: number, blockAddress: number): undefined;
}

const NAMES = { imports: NODE_API, exports: [ENTRY] };

/** A library's file and where its functions are; it can be posted to other threads. */
export interface LinkedLibrary {
  readonly file: Uint8Array;
  readonly functions: ReadonlyMap<string, number>;
}

/**
 * Open a library in this thread. Throws UnsupportedError where machine code cannot run: another system or
 * processor, a folder that forbids it, Node's permission model.
 */
export function openLibrary({ file, functions }: LinkedLibrary): NativeLibrary {
  requirePlatform(process.platform, process.arch);
  const bridge = loadFile(file);
  const functionAddress = (name: string): number => {
    const offset = functions.get(name);
    if (offset === undefined) throw new CeladonError(`machine code must have a function ${name}`);
    return bridge.code + offset;
  };
  return {
    functionAddress,
    addressOf: (buffer) => bridge.addressOf(buffer) ?? fail('an address needs a buffer'),
    map: (bytes) => bridge.map(bytes) ?? fail(`there must be ${bytes} bytes of memory to map`),
    adviseHugePages(address, bytes) {
      const cells = BigUint64Array.of(BigInt(address), BigInt(bytes));
      bridge.call(functionAddress(ADVISE_HUGE_PAGES), bridge.addressOf(cells.buffer)!);
    },
    call: bridge.call,
    features: askFeatures(bridge, functionAddress(CPU_FEATURES)),
  };
}

/** Open the assembler's functions at once. */
export function loadLibrary(assembler: Assembler): NativeLibrary {
  return openLibrary(linkLibrary(assembler));
}

/** Throws UnsupportedError unless this is Linux on x86-64. */
export function requirePlatform(platform: string, arch: string): void {
  if (platform === 'linux' && arch === 'x64') return;
  throw new UnsupportedError(`machine code must run on Linux on x64, not ${platform} on ${arch}`);
}

/** Make a library of the assembler's functions; it may be done once. */
export function linkLibrary(assembler: Assembler): LinkedLibrary {
  const slots = Object.fromEntries(
    NODE_API.map((name): [string, Label] => [name, { kind: 'label', name }]),
  ) as Slots;
  const codeStart: Label = { kind: 'label', name: 'code' };
  addBridge(assembler, slots, codeStart);
  addCpuFeatures(assembler);
  addAdviseHugePages(assembler);
  const places = NODE_API.map((name, i): [Label, number] => [slots[name], slotDistance(NAMES, i)]);
  const code = assembler.assemble(new Map([...places, [codeStart, 0]]));
  return { file: encodeLibrary(NAMES, code), functions: code.functions };
}

function loadFile(file: Uint8Array): Bridge {
  try {
    const folder = mkdtempSync(join(tmpdir(), 'celadon-'));
    const path = join(folder, 'kernels.node');
    try {
      writeFileSync(path, file, { mode: 0o700 });
      const module = { exports: {} };
      process.dlopen(module, path);
      return module.exports as Bridge;
    } finally {
      rmSync(path, { force: true });
      rmdirSync(folder);
    }
  } catch (error) {
    throw new UnsupportedError(`machine code must be loadable: ${(error as Error).message}`, {
      hint: 'set TMPDIR to a folder that allows programs; with --permission, add --allow-addons',
    });
  }
}

function askFeatures(bridge: Bridge, functionAddress: number): CpuFeatures {
  const cells = new BigUint64Array(FEATURE_CELLS);
  bridge.call(functionAddress, bridge.addressOf(cells.buffer)!);
  return decodeFeatures(cells);
}

function fail(message: string): never {
  throw new CeladonError(message);
}
