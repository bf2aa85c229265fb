/** One thing that is known of a model on a chip or a stack. */

/**
 * native: runs as it is; experimental: released as such; fallback: runs in another form, which `text`
 * names; missing: said not to run; unknown: nothing is said; noted: worth knowing, and no obstacle here.
 */
export type FindingStatus =
  | 'native'
  | 'experimental'
  | 'fallback'
  | 'missing'
  | 'unknown'
  | 'noted';

export interface Finding {
  readonly about: 'model' | 'operator' | 'format' | 'defect' | 'layout';
  readonly subject: string;
  readonly status: FindingStatus;
  readonly text: string;
  /** What the finding rests on. */
  readonly basis: string;
  readonly url: string | null;
}
