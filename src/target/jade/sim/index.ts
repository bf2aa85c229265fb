/** The value- and cycle-exact simulator of Jade. */
export * from './access.ts';
export * from './limit.ts';
export * from './simulator.ts';
export { STALLS, type StallReason } from './heads.ts';
