/**
 * Every x86-64 instruction Celadon emits, as Intel's manual writes it [1, volume 2].
 *
 * Columns of a form: encoding, where each operand goes, operands.
 * - Encoding: the manual's opcode column. `/r`: ModRM with two operands; `/0`…`/7`: one operand and
 *   three bits of opcode; `+r`: register in the opcode; `ib`, `id`, `io`, `cd`: immediates of 1, 4 and 8
 *   bytes, distance of 4. A VEX or EVEX form without 128, 256 or 512 has the width of its operands.
 * - Place: a letter for each operand. R: ModRM.reg, M: ModRM.rm, V: VEX.vvvv, O: in the opcode, I: immediate,
 *   D: distance to a label.
 * - Operands: `r64 r32` registers; `i8 i32 i64` immediates, `u8` one from 0 to 255; `rel` label; `k` mask; `x y z` vectors of 128, 256
 *   and 512 bits, `v` of the instruction's width, `w` the same but not 128, `v2 v4 v8` of a half, a quarter, an eighth of it (a register
 *   has at least 128 bits). After a slash: `m` memory of the operand's size, `m8 m32 …` of so many bits,
 *   `b` one 32-bit element repeated. `m`, `m32`, … alone: memory only. Memory with an immediate has 64 bits.
 *
 * The first form that fits is taken. VEX comes before EVEX: it is shorter, and it is what AVX2 knows.
 *
 * [1] Intel 64 and IA-32 Architectures Software Developer's Manual, order number 325383
 */

/** One form; columns in the head comment. */
export type Form = readonly [encoding: string, places: string, operands: string];

/** A vector instruction of three operands in both encodings; `map` is as in `NP.0F`. */
const both = (map: string, opcode: string, operands = 'v v v/m', w = 'W0'): readonly Form[] => [
  [`VEX.${map}.WIG ${opcode} /r`, 'RVM', operands.replace('/b', '')],
  [`EVEX.${map}.${w} ${opcode} /r`, 'RVM', operands],
];

/** An instruction of one source and one destination in both encodings. */
const unary = (map: string, opcode: string, operands: string): readonly Form[] => [
  [`VEX.${map}.WIG ${opcode} /r`, 'RM', operands.replace('/b', '')],
  [`EVEX.${map}.W0 ${opcode} /r`, 'RM', operands],
];

/** Arithmetic on general registers: `opcode` with the register first, `/digit` with an immediate. */
const arithmetic = (store: string, load: string, digit: number): readonly Form[] => [
  [`REX.W ${store} /r`, 'MR', 'r64/m64 r64'],
  [`REX.W ${load} /r`, 'RM', 'r64 m64'],
  [`REX.W 83 /${digit} ib`, 'MI', 'r64/m64 i8'],
  [`REX.W 81 /${digit} id`, 'MI', 'r64/m64 i32'],
  [`${store} /r`, 'MR', 'r32/m32 r32'],
  [`${load} /r`, 'RM', 'r32 m32'],
  [`83 /${digit} ib`, 'MI', 'r32 i8'],
  [`81 /${digit} id`, 'MI', 'r32 i32'],
];

const shift = (digit: number): readonly Form[] => [
  [`REX.W C1 /${digit} ib`, 'MI', 'r64 u8'],
  [`C1 /${digit} ib`, 'MI', 'r32 u8'],
];

const jump = (opcode: string): readonly Form[] => [[`${opcode} cd`, 'D', 'rel']];

/** Shifts of 32-bit lanes by an immediate. */
const vectorShift = (digit: number): readonly Form[] => [
  [`VEX.66.0F.WIG 72 /${digit} ib`, 'VMI', 'v v u8'],
  [`EVEX.66.0F.W0 72 /${digit} ib`, 'VMI', 'v v/m/b u8'],
];

const FORMS = {
  // general registers
  mov: [
    ['REX.W 89 /r', 'MR', 'r64/m64 r64'],
    ['REX.W 8B /r', 'RM', 'r64 m64'],
    ['REX.W C7 /0 id', 'MI', 'r64/m64 i32'],
    ['89 /r', 'MR', 'r32/m32 r32'],
    ['8B /r', 'RM', 'r32 m32'],
  ],
  movabs: [['REX.W B8 +r io', 'OI', 'r64 i64']],
  movzx: [['0F B6 /r', 'RM', 'r32 m8']],
  movsxd: [['REX.W 63 /r', 'RM', 'r64 r32/m32']],
  lea: [['REX.W 8D /r', 'RM', 'r64 m']],
  add: arithmetic('01', '03', 0),
  or: arithmetic('09', '0B', 1),
  and: arithmetic('21', '23', 4),
  sub: arithmetic('29', '2B', 5),
  xor: arithmetic('31', '33', 6),
  cmp: arithmetic('39', '3B', 7),
  test: [
    ['REX.W 85 /r', 'MR', 'r64 r64'],
    ['85 /r', 'MR', 'r32 r32'],
  ],
  inc: [['REX.W FF /0', 'M', 'r64']],
  dec: [['REX.W FF /1', 'M', 'r64']],
  neg: [['REX.W F7 /3', 'M', 'r64']],
  imul: [
    ['REX.W 0F AF /r', 'RM', 'r64 r64/m64'],
    ['REX.W 69 /r id', 'RMI', 'r64 r64/m64 i32'],
  ],
  shl: shift(4),
  shr: shift(5),
  sar: shift(7),
  bzhi: [['VEX.128.NP.0F38.W1 F5 /r', 'RMV', 'r64 r64/m64 r64']],
  cmovb: [['REX.W 0F 42 /r', 'RM', 'r64 r64/m64']],
  cmova: [['REX.W 0F 47 /r', 'RM', 'r64 r64/m64']],
  cmovl: [['REX.W 0F 4C /r', 'RM', 'r64 r64/m64']],
  cmovg: [['REX.W 0F 4F /r', 'RM', 'r64 r64/m64']],
  push: [['50 +r', 'O', 'r64']],
  pop: [['58 +r', 'O', 'r64']],
  call: [
    ['E8 cd', 'D', 'rel'],
    ['FF /2', 'M', 'r64/m64'],
  ],
  ret: [['C3', '', '']],
  jmp: jump('E9'),
  jb: jump('0F 82'),
  jae: jump('0F 83'),
  je: jump('0F 84'),
  jne: jump('0F 85'),
  jbe: jump('0F 86'),
  ja: jump('0F 87'),
  js: jump('0F 88'),
  jl: jump('0F 8C'),
  jge: jump('0F 8D'),
  jle: jump('0F 8E'),
  jg: jump('0F 8F'),
  // the machine
  cpuid: [['0F A2', '', '']],
  xgetbv: [['0F 01 D0', '', '']],
  syscall: [['0F 05', '', '']],
  pause: [['F3 90', '', '']],
  /** Makes the next instruction, which changes memory, one step for all processors. */
  lock: [['F0', '', '']],
  cmpxchg: [['0F B1 /r', 'MR', 'm32 r32']],
  xadd: [['0F C1 /r', 'MR', 'm32 r32']],
  prefetcht0: [['0F 18 /1', 'M', 'm8']],
  prefetcht1: [['0F 18 /2', 'M', 'm8']],
  prefetchw: [['0F 0D /1', 'M', 'm8']],
  vzeroupper: [['VEX.128.NP.0F.WIG 77', '', '']],
  // moves
  vmovups: [
    ['VEX.NP.0F.WIG 10 /r', 'RM', 'v v/m'],
    ['VEX.NP.0F.WIG 11 /r', 'MR', 'm v'],
    ['EVEX.NP.0F.W0 10 /r', 'RM', 'v v/m'],
    ['EVEX.NP.0F.W0 11 /r', 'MR', 'm v'],
  ],
  vmovdqu: [
    ['VEX.F3.0F.WIG 6F /r', 'RM', 'v v/m'],
    ['VEX.F3.0F.WIG 7F /r', 'MR', 'm v'],
  ],
  vmovdqu32: [
    ['EVEX.F3.0F.W0 6F /r', 'RM', 'v v/m'],
    ['EVEX.F3.0F.W0 7F /r', 'MR', 'm v'],
  ],
  vmovdqu16: [
    ['EVEX.F2.0F.W1 6F /r', 'RM', 'v v/m'],
    ['EVEX.F2.0F.W1 7F /r', 'MR', 'm v'],
  ],
  vmovdqu8: [
    ['EVEX.F2.0F.W0 6F /r', 'RM', 'v v/m'],
    ['EVEX.F2.0F.W0 7F /r', 'MR', 'm v'],
  ],
  vmovss: [
    ['VEX.128.F3.0F.WIG 10 /r', 'RM', 'x m32'],
    ['VEX.128.F3.0F.WIG 11 /r', 'MR', 'm32 x'],
    ['EVEX.128.F3.0F.W0 10 /r', 'RM', 'x m32'],
    ['EVEX.128.F3.0F.W0 11 /r', 'MR', 'm32 x'],
  ],
  vmaskmovps: [
    ['VEX.66.0F38.W0 2C /r', 'RVM', 'v v m'],
    ['VEX.66.0F38.W0 2E /r', 'MVR', 'm v v'],
  ],
  vmovd: [
    ['VEX.128.66.0F.W0 6E /r', 'RM', 'x r32/m32'],
    ['VEX.128.66.0F.W0 7E /r', 'MR', 'r32/m32 x'],
  ],
  vbroadcastss: [
    ['VEX.66.0F38.W0 18 /r', 'RM', 'v x/m32'],
    ['EVEX.66.0F38.W0 18 /r', 'RM', 'v x/m32'],
  ],
  vpbroadcastd: [
    ['VEX.66.0F38.W0 58 /r', 'RM', 'v x/m32'],
    ['EVEX.66.0F38.W0 58 /r', 'RM', 'v x/m32'],
    ['EVEX.66.0F38.W0 7C /r', 'RM', 'v r32'],
  ],
  vpbroadcastw: [
    ['VEX.66.0F38.W0 79 /r', 'RM', 'v x/m16'],
    ['EVEX.66.0F38.W0 79 /r', 'RM', 'v x/m16'],
  ],
  vpbroadcastb: [
    ['VEX.66.0F38.W0 78 /r', 'RM', 'v x/m8'],
    ['EVEX.66.0F38.W0 78 /r', 'RM', 'v x/m8'],
  ],
  vbroadcastf128: [['VEX.256.66.0F38.W0 1A /r', 'RM', 'y m128']],
  vbroadcasti32x4: [['EVEX.66.0F38.W0 5A /r', 'RM', 'w m128']],
  // arithmetic of f32
  vaddps: both('NP.0F', '58', 'v v v/m/b'),
  vsubps: both('NP.0F', '5C', 'v v v/m/b'),
  vmulps: both('NP.0F', '59', 'v v v/m/b'),
  vdivps: both('NP.0F', '5E', 'v v v/m/b'),
  vmaxps: both('NP.0F', '5F', 'v v v/m/b'),
  vminps: both('NP.0F', '5D', 'v v v/m/b'),
  vsqrtps: unary('NP.0F', '51', 'v v/m/b'),
  vandps: [['VEX.NP.0F.WIG 54 /r', 'RVM', 'v v v/m']],
  vaddss: [['VEX.128.F3.0F.WIG 58 /r', 'RVM', 'x x x/m32']],
  vmulss: [['VEX.128.F3.0F.WIG 59 /r', 'RVM', 'x x x/m32']],
  vfmadd132ps: both('66.0F38', '98', 'v v v/m/b').map(withW0),
  vfmadd213ps: both('66.0F38', 'A8', 'v v v/m/b').map(withW0),
  vfmadd231ps: both('66.0F38', 'B8', 'v v v/m/b').map(withW0),
  vfnmadd231ps: both('66.0F38', 'BC', 'v v v/m/b').map(withW0),
  vrndscaleps: [['EVEX.66.0F3A.W0 08 /r ib', 'RMI', 'v v/m/b u8']],
  vroundps: [['VEX.66.0F3A.WIG 08 /r ib', 'RMI', 'v v/m u8']],
  vscalefps: [['EVEX.66.0F38.W0 2C /r', 'RVM', 'v v v/m/b']],
  vcmpps: [
    ['VEX.NP.0F.WIG C2 /r ib', 'RVMI', 'v v v/m u8'],
    ['EVEX.NP.0F.W0 C2 /r ib', 'RVMI', 'k v v/m/b u8'],
  ],
  // conversions
  vcvtdq2ps: unary('NP.0F', '5B', 'v v/m/b'),
  vcvtps2dq: unary('66.0F', '5B', 'v v/m/b'),
  vcvttps2dq: unary('F3.0F', '5B', 'v v/m/b'),
  vcvtph2ps: [
    ['VEX.66.0F38.W0 13 /r', 'RM', 'v v2/m'],
    ['EVEX.66.0F38.W0 13 /r', 'RM', 'v v2/m'],
  ],
  vcvtps2ph: [
    ['VEX.66.0F3A.W0 1D /r ib', 'MRI', 'v2/m v u8'],
    ['EVEX.66.0F3A.W0 1D /r ib', 'MRI', 'v2/m v u8'],
  ],
  vcvtneps2bf16: [['EVEX.F3.0F38.W0 72 /r', 'RM', 'v2 v']],
  vcvtne2ps2bf16: [['EVEX.F2.0F38.W0 72 /r', 'RVM', 'v v v/m/b']],
  vpmovsxbw: unary('66.0F38', '20', 'v v2/m'),
  vpmovsxbd: unary('66.0F38', '21', 'v v4/m'),
  vpmovsxwd: unary('66.0F38', '23', 'v v2/m'),
  vpmovzxbw: unary('66.0F38', '30', 'v v2/m'),
  vpmovzxbd: unary('66.0F38', '31', 'v v4/m'),
  vpmovzxwd: unary('66.0F38', '33', 'v v2/m'),
  vpmovdb: [['EVEX.F3.0F38.W0 31 /r', 'MR', 'v4/m v']],
  vpmovsdb: [['EVEX.F3.0F38.W0 21 /r', 'MR', 'v4/m v']],
  vpmovdw: [['EVEX.F3.0F38.W0 33 /r', 'MR', 'v2/m v']],
  vpackssdw: both('66.0F', '6B', 'v v v/m/b'),
  vpacksswb: both('66.0F', '63', 'v v v/m'),
  // integers
  vpaddd: both('66.0F', 'FE', 'v v v/m/b'),
  vpsubd: both('66.0F', 'FA', 'v v v/m/b'),
  vpaddw: both('66.0F', 'FD', 'v v v/m'),
  vpaddb: both('66.0F', 'FC', 'v v v/m'),
  vpsubb: both('66.0F', 'F8', 'v v v/m'),
  vpmulld: both('66.0F38', '40', 'v v v/m/b'),
  vpmaxsd: both('66.0F38', '3D', 'v v v/m/b'),
  vpminsd: both('66.0F38', '39', 'v v v/m/b'),
  vpabsb: unary('66.0F38', '1C', 'v v/m'),
  vpsignb: [['VEX.66.0F38.WIG 08 /r', 'RVM', 'v v v/m']],
  vpmaddwd: both('66.0F', 'F5', 'v v v/m'),
  vpmaddubsw: both('66.0F38', '04', 'v v v/m'),
  vpdpbusd: [
    ['VEX.66.0F38.W0 50 /r', 'RVM', 'v v v/m'],
    ['EVEX.66.0F38.W0 50 /r', 'RVM', 'v v v/m/b'],
  ],
  vpdpwssd: [['EVEX.66.0F38.W0 52 /r', 'RVM', 'v v v/m/b']],
  vdpbf16ps: [['EVEX.F3.0F38.W0 52 /r', 'RVM', 'v v v/m/b']],
  // bits
  vpand: [['VEX.66.0F.WIG DB /r', 'RVM', 'v v v/m']],
  vpor: [['VEX.66.0F.WIG EB /r', 'RVM', 'v v v/m']],
  vpxor: [['VEX.66.0F.WIG EF /r', 'RVM', 'v v v/m']],
  vpandd: [['EVEX.66.0F.W0 DB /r', 'RVM', 'v v v/m/b']],
  vpandnd: [['EVEX.66.0F.W0 DF /r', 'RVM', 'v v v/m/b']],
  vpord: [['EVEX.66.0F.W0 EB /r', 'RVM', 'v v v/m/b']],
  vpxord: [['EVEX.66.0F.W0 EF /r', 'RVM', 'v v v/m/b']],
  vpternlogd: [['EVEX.66.0F3A.W0 25 /r ib', 'RVMI', 'v v v/m/b u8']],
  vpsrld: vectorShift(2),
  vpsrad: vectorShift(4),
  vpslld: vectorShift(6),
  vpsrlw: [
    ['VEX.66.0F.WIG 71 /2 ib', 'VMI', 'v v u8'],
    ['EVEX.66.0F.WIG 71 /2 ib', 'VMI', 'v v/m u8'],
  ],
  vpsllw: [
    ['VEX.66.0F.WIG 71 /6 ib', 'VMI', 'v v u8'],
    ['EVEX.66.0F.WIG 71 /6 ib', 'VMI', 'v v/m u8'],
  ],
  // lanes
  vpshufb: both('66.0F38', '00', 'v v v/m'),
  vpermd: [
    ['VEX.256.66.0F38.W0 36 /r', 'RVM', 'y y y/m'],
    ['EVEX.66.0F38.W0 36 /r', 'RVM', 'w w w/m/b'],
  ],
  vpermps: [
    ['VEX.256.66.0F38.W0 16 /r', 'RVM', 'y y y/m'],
    ['EVEX.66.0F38.W0 16 /r', 'RVM', 'w w w/m/b'],
  ],
  vpermw: [['EVEX.66.0F38.W1 8D /r', 'RVM', 'v v v/m']],
  vpermilps: [
    ['VEX.66.0F3A.W0 04 /r ib', 'RMI', 'v v/m u8'],
    ['EVEX.66.0F3A.W0 04 /r ib', 'RMI', 'v v/m/b u8'],
  ],
  vpshufd: [
    ['VEX.66.0F.WIG 70 /r ib', 'RMI', 'v v/m u8'],
    ['EVEX.66.0F.W0 70 /r ib', 'RMI', 'v v/m/b u8'],
  ],
  vunpcklps: both('NP.0F', '14', 'v v v/m/b'),
  vunpckhps: both('NP.0F', '15', 'v v v/m/b'),
  vunpcklpd: both('66.0F', '14', 'v v v/m', 'W1'),
  vunpckhpd: both('66.0F', '15', 'v v v/m', 'W1'),
  vextractf128: [['VEX.256.66.0F3A.W0 19 /r ib', 'MRI', 'x/m128 y u8']],
  vextracti128: [['VEX.256.66.0F3A.W0 39 /r ib', 'MRI', 'x/m128 y u8']],
  vextracti32x8: [['EVEX.512.66.0F3A.W0 3B /r ib', 'MRI', 'y/m256 z u8']],
  vextractf32x8: [['EVEX.512.66.0F3A.W0 1B /r ib', 'MRI', 'y/m256 z u8']],
  vinserti32x8: [['EVEX.512.66.0F3A.W0 3A /r ib', 'RVMI', 'z z y/m256 u8']],
  vshuff32x4: [['EVEX.66.0F3A.W0 23 /r ib', 'RVMI', 'w w w/m/b u8']],
  // masks
  kmovw: [
    ['VEX.128.NP.0F.W0 92 /r', 'RM', 'k r32'],
    ['VEX.128.NP.0F.W0 93 /r', 'RM', 'r32 k'],
  ],
  kmovd: [
    ['VEX.128.F2.0F.W0 92 /r', 'RM', 'k r32'],
    ['VEX.128.F2.0F.W0 93 /r', 'RM', 'r32 k'],
  ],
  kmovq: [
    ['VEX.128.F2.0F.W1 92 /r', 'RM', 'k r64'],
    ['VEX.128.F2.0F.W1 93 /r', 'RM', 'r64 k'],
  ],
  vpcmpd: [['EVEX.66.0F3A.W0 1F /r ib', 'RVMI', 'k v v/m/b u8']],
} as const satisfies Readonly<Record<string, readonly Form[]>>;

/** The manual gives these W0 where most of AVX ignores W. */
function withW0([encoding, places, operands]: Form): Form {
  return [encoding.replace('WIG', 'W0'), places, operands];
}

/** Names of the instructions. */
export type Mnemonic = keyof typeof FORMS;

/** The table; the forms of an instruction are found by its name. */
export const INSTRUCTIONS: Readonly<Record<Mnemonic, readonly Form[]>> = FORMS;
