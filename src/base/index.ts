/** Floor 0: what every other floor may use. */
export * from './byteSource.node.ts';
export * from './byteSource.ts';
export { randomAt } from './counterRandom.ts';
export * from './document.ts';
export * from './errors.ts';
export * from './formats.ts';
export * from './json.ts';
export * from './nearestName.ts';
export * from './npy.ts';
export * from './perObject.ts';
export * from './random.ts';
export * from './recentMap.ts';
export * from './units.ts';
export * from './sha256.node.ts';
