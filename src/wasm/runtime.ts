/**
 * The part of the WebAssembly JavaScript API that Celadon uses [1], typed here because TypeScript
 * declares it only together with the whole DOM.
 *
 * [1] https://www.w3.org/TR/wasm-js-api-2/
 */

/** A memory; `buffer` is replaced when it grows, so make views anew after `grow`. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  /** Add pages of 64 KiB; returns the number there were. */
  grow(pages: number): number;
}

/** A compiled module, without state; it can be posted to workers. */
export type WasmModule = object;

/** Values for imports: module name, field name, value. */
export type WasmImports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface Api {
  readonly Memory: new (limits: {
    initial: number;
    maximum?: number;
    shared?: boolean;
  }) => WasmMemory;
  readonly Module: new (binary: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: WasmImports,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}

const api = (globalThis as unknown as { WebAssembly: Api }).WebAssembly;

/** Make a memory; `limits` count pages of 64 KiB. */
export function createMemory(limits: {
  initial: number;
  maximum?: number;
  shared?: boolean;
}): WasmMemory {
  return new api.Memory(limits);
}

/** Compile a binary. */
export function compileModule(binary: Uint8Array<ArrayBuffer>): WasmModule {
  return new api.Module(binary);
}

/** Instantiate a module; `E` states the exports it is known to have. */
export function instantiate<E>(module: WasmModule, imports: WasmImports = {}): E {
  return new api.Instance(module, imports).exports as E;
}
