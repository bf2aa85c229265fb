/** Floor 1: x86-64 machine code: instructions, functions, and their way into the process. */
export * from './assembler.ts';
export type { CpuFeatures } from './cpuFeatures.ts';
export type { FunctionBuilder, Level } from './function.ts';
export type { Mnemonic } from './instructions.table.ts';
export * from './load.node.ts';
export * from './operands.ts';
