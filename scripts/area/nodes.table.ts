/**
 * The process nodes of the table: which Liberty files make one library, and what may be said of them.
 */

/** Where a library comes from. */
export interface Node {
  /** Short name; the table of the node is `catalogue/silicon/ID.json`. */
  readonly id: string;
  readonly name: string;
  /** The nominal length that gives the node its name. */
  readonly nanometres: number;
  /** Whether there is a factory behind it. */
  readonly kind: 'predictive' | 'real';
  /** Its files in the folder of PDKs. */
  readonly files: RegExp;
  readonly upstream: string;
  readonly licence: string;
  readonly citation: string | null;
}

const FLOW = 'The-OpenROAD-Project/OpenROAD-flow-scripts flow/platforms';

export const NODES: readonly Node[] = [
  {
    id: 'sky130',
    name: 'SkyWater sky130 HD',
    nanometres: 130,
    kind: 'real',
    files: /^sky130hd_tt\.lib/,
    upstream: 'The-OpenROAD-Project/OpenSTA examples/sky130hd_tt.lib.gz',
    licence: 'Apache-2.0',
    citation: null,
  },
  {
    id: 'ihp130',
    name: 'IHP SG13G2',
    nanometres: 130,
    kind: 'real',
    files: /^ihp_sg13g2_stdcell_typ/,
    upstream: `${FLOW}/ihp-sg13g2/lib/sg13g2_stdcell_typ_1p20V_25C.lib`,
    licence: 'Apache-2.0',
    citation: null,
  },
  {
    id: 'nangate45',
    name: 'Nangate 45 nm open cell library',
    nanometres: 45,
    kind: 'predictive',
    files: /^nangate45_typ\.lib/,
    upstream: 'The-OpenROAD-Project/OpenSTA examples/nangate45_typ.lib.gz',
    licence:
      "Apache-2.0 release of OpenROAD-flow-scripts; the file's header carries an older notice",
    citation: null,
  },
  {
    id: 'asap7',
    name: 'ASAP7 7.5T RVT',
    nanometres: 7,
    kind: 'predictive',
    files: /^asap7.*_RVT_TT_/,
    upstream: `${FLOW}/asap7/lib/NLDM (AO, INVBUF, OA, SEQ, SIMPLE merged)`,
    licence: 'BSD-3-Clause',
    citation: null,
  },
  {
    id: 'gt2n',
    name: 'GT2N 2 nm nanosheet, backside power, 6T W31 SVT',
    nanometres: 2,
    kind: 'predictive',
    files: /^gt2n_6t_w31_svt_tt/,
    upstream: `${FLOW}/gt2n/lib/gt2_6t_w31_svt_tt_0p7v25c.lib (from azadnaeemi/GT2N)`,
    licence: 'BSD-3-Clause',
    citation:
      'D. Jang, P. Kumar, M. N. H. Shazon, S. J. Ram, A. Svizhenko, V. Moroz, A. Ceyhan, N. A. Radhakrishn, and A. Naeemi, "GT2N: An Open-Source 2nm Nanosheet PDK Enabling Multi-Width/VT Benchmarking," in IEEE International Symposium on Circuits and Systems (ISCAS) 2026',
  },
];
