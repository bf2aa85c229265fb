/** All conformance cases. */
import type { Case } from './case.ts';
import { BLOCKS } from './blocks.ts';
import { COMPRESSION } from './compression.ts';
import { CHOICE, EXPERTS, ROUTE } from './choices.ts';
import { ATTENTION, LINEAR, STATE } from './contractions.ts';
import { N_GRAM } from './nGram.ts';
import { SELECTION } from './selection.ts';
import { RECURRENCES } from './recurrences.ts';
import { ELEMENTWISE, MOVEMENT, ROWS } from './rows.ts';

export const CASES: readonly Case[] = [
  ...LINEAR,
  ...MOVEMENT,
  ...ELEMENTWISE,
  ...ROWS,
  ...STATE,
  ...ATTENTION,
  ...SELECTION,
  ...COMPRESSION,
  ...BLOCKS,
  ...ROUTE,
  ...EXPERTS,
  ...CHOICE,
  ...RECURRENCES,
  ...N_GRAM,
];
