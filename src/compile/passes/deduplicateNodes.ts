import { deduplicate } from '../../ir/index.ts';
import type { Pass } from '../target.ts';

/** Merges nodes that compute the same value. */
export const deduplicateNodes: Pass = { name: 'deduplicate', run: deduplicate };
