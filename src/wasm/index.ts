/** Floor 1: WebAssembly binaries, and the kernels built with them. */
export type { FunctionBuilder } from './function.ts';
export * from './kernels/mxDot.ts';
export * from './module.ts';
export * from './opcodes.table.ts';
export type { Frame } from './operandStack.ts';
export * from './runtime.ts';
export type { FunctionRef, FunctionType, Local, ValueType } from './types.ts';
