/** Floor 1: hardware as TypeScript. */
export { Bits } from './bits.ts';
export * from './inventory.ts';
export { joinLanes, Logic, type Operand } from './logic.ts';
export * from './module.ts';
export type { Operator } from './operators.ts';
export { constant, Register, Signal, Wire } from './signal.ts';
export type { External, Instance, Memory, Module, Ports, Wires } from './signal.ts';
export * from './simulator.ts';
export * from './systemVerilog.ts';
export * from './vcd.ts';
export * from './waveform.ts';
