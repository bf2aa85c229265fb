/** The cpu target: WebAssembly SIMD emitted by our own encoder. */
export { cpuTarget, type CpuOptions, type CpuTarget } from './target.ts';
export { type Emitter } from './x86/index.ts';
