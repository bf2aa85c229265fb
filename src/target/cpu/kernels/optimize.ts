/**
 * Compiles a module with V8's best code from the first call on: its flags are set while the module is compiled,
 * and then are as before. Other hosts, and versions of V8 that have not been tried, compile as they do.
 *
 *   no-liftoff, no-wasm-lazy-compilation   no quick code first: prompts are short, and each function is long
 *   no-wasm-inlining                       needs the counts that quick code makes
 *   experimental-wasm-revectorize          two vectors side by side become one of 256 bits
 */
import { compileModule, type WasmModule } from '../../../wasm/index.ts';

/** Flags, and what puts them back. */
const FLAGS = {
  '--no-liftoff': '--liftoff',
  '--no-wasm-lazy-compilation': '--wasm-lazy-compilation',
  '--no-wasm-inlining': '--wasm-inlining',
} as const;
const PAIRS = { '--experimental-wasm-revectorize': '--no-experimental-wasm-revectorize' } as const;

/**
 * Versions that compile all kernels so and never end the process. There is none: 14.6 (Node 26) ended about one process
 * in three of several that compiled with other threads beside them, so the host compiles as it does.
 */
const TRIED_V8: readonly string[] = [];

/** Compiles a binary; with `pairs`, neighbouring vectors may become one. */
export function compileOptimized(binary: Uint8Array<ArrayBuffer>, pairs: boolean): WasmModule {
  const setFlag = flagsOfV8();
  if (setFlag === undefined) return compileModule(binary);
  const flags = Object.entries({ ...FLAGS, ...(pairs && PAIRS) });
  for (const [flag] of flags) setFlag(flag);
  try {
    return compileModule(binary);
  } finally {
    for (const [, before] of flags) setFlag(before);
  }
}

/** Whether flags do anything here. */
export function canOptimize(): boolean {
  return flagsOfV8() !== undefined;
}

type SetFlag = (flag: string) => void;

interface Host {
  readonly versions?: { readonly v8?: string };
  readonly getBuiltinModule?: (name: string) => { readonly setFlagsFromString: SetFlag };
}

function flagsOfV8(): SetFlag | undefined {
  const { process: host } = globalThis as unknown as { readonly process?: Host };
  const version = host?.versions?.v8?.split('.').slice(0, 2).join('.');
  if (version === undefined || !TRIED_V8.includes(version)) return undefined;
  return host?.getBuiltinModule?.('node:v8').setFlagsFromString;
}
