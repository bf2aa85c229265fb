/** The cpu target: WebAssembly SIMD and x86-64 machine code, emitted by our own encoders. */
export type { CodeStore } from './emitted/codeStore.ts';
export { clearCode, folderCode, listCode } from './emitted/folderCode.node.ts';
export { clearImages, folderStore, listImages } from './images/folderStore.node.ts';
export type { ImageStore } from './images/imageStore.ts';
export { openReaders, type Readers } from './loading/readers.node.ts';
export { isWordFormat } from './panels/packWords.ts';
export { cpuTarget, type CpuOptions, type CpuTarget } from './target.ts';
export type { Emitter, EmitterRequest } from './x86/index.ts';
