/** Floor 1: schemas of what comes from outside. Apart from `base`, which threads load that check nothing. */
export * from './schema.ts';
