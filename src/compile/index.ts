/** Floor 4: from a graph to a program. */
export * from './compile.ts';
export * from './fuseKernels.ts';
export * from './orderKernels.ts';
export * from './planMemory.ts';
export * from './target.ts';
