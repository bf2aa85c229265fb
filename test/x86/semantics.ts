/**
 * What vector instructions compute, in plain TypeScript: sources in the order of the operands, each of the
 * instruction's width (memory and narrower registers filled up behind), to the whole result. From Intel's manual.
 */
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../src/base/index.ts';
import type { Mnemonic } from '../../src/x86/instructions.table.ts';

/** The destination before, whether it is memory, the other operands, the immediate; all vectors have as many bytes as the instruction is wide. */
export type Semantics = (
  sources: readonly Uint8Array[],
  immediate: number,
  before: Uint8Array,
  toMemory: boolean,
) => Uint8Array;

type Lanes = Float32Array | Int32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;
type LaneType<T extends Lanes> = { new (buffer: ArrayBufferLike): T; new (length: number): T };

function view<T extends Lanes>(type: LaneType<T>, bytes: Uint8Array): T {
  return new type(bytes.slice().buffer);
}

function bytesOf(lanes: Lanes): Uint8Array {
  return new Uint8Array(
    lanes.buffer.slice(lanes.byteOffset, lanes.byteOffset + lanes.byteLength) as ArrayBuffer,
  );
}

/** Lane by lane. */
function each<T extends Lanes>(type: LaneType<T>, f: (...lanes: number[]) => number): Semantics {
  return (sources, immediate, before) => {
    const views = [...sources, before].map((source) => view(type, source));
    const first = views[0]!;
    return bytesOf(first.map((_, i) => f(...views.map((lanes) => lanes[i]!), immediate)) as T);
  };
}

/** Lanes of one type from the lowest lanes of another. */
function convert<A extends Lanes, B extends Lanes>(
  from: LaneType<A>,
  to: LaneType<B>,
  f: (x: number) => number = (x) => x,
): Semantics {
  return ([source], _, before) => {
    const lanes = view(from, source!);
    const out = new to(before.length / view(to, before).BYTES_PER_ELEMENT);
    return bytesOf(out.map((_unused, i) => (i < lanes.length ? f(lanes[i]!) : 0)) as B);
  };
}

/** Sums of products of neighbouring lanes, added to the destination or not. */
function dot<A extends Lanes, B extends Lanes, T extends Lanes>(
  a: LaneType<A>,
  b: LaneType<B>,
  to: LaneType<T>,
  options: { readonly adds?: boolean; readonly clamp?: (x: number) => number } = {},
): Semantics {
  return ([first, second], _, before) => {
    const [x, y, sums] = [view(a, first!), view(b, second!), view(to, before)];
    const each_ = x.length / sums.length;
    return bytesOf(
      sums.map((sum, i) => {
        let total = options.adds ? sum : 0;
        for (let j = i * each_; j < (i + 1) * each_; j++) total += x[j]! * y[j]!;
        return options.clamp ? options.clamp(total) : total;
      }) as T,
    );
  };
}

/** The result's lane i is the concatenated sources' lane `order(i, immediate)`, all as 32-bit lanes. */
function permute(order: (i: number, immediate: number, count: number) => number): Semantics {
  return (sources, immediate) => {
    const lanes = sources.flatMap((source) => Array.from(view(Int32Array, source)));
    const count = sources[0]!.length / 4;
    return bytesOf(
      Int32Array.from({ length: count }, (_, i) => lanes[order(i, immediate, count)]!),
    );
  };
}

/** Interleaves the low or high lanes of `bits` of both sources, within 128 bits. */
function unpack(bits: 32 | 64, high: boolean): Semantics {
  const size = bits / 32;
  return permute((i, _, count) => {
    const [group, place] = [i & ~3, i & 3];
    const element = Math.floor(place / (2 * size)) + (high ? 2 / size : 0);
    const second = Math.floor(place / size) % 2;
    return second * count + group + element * size + (place % size);
  });
}

const clampTo = (bits: number) => (x: number) =>
  Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, x));
const roundEven = (x: number): number => {
  const below = Math.floor(x);
  const rest = x - below;
  return rest < 0.5 || (rest === 0.5 && below % 2 === 0) ? below : below + 1;
};

/** Narrows both sources' lanes with saturation, 128 bits of the one beside 128 bits of the other. */
function pack<A extends Lanes, B extends Lanes>(from: LaneType<A>, to: LaneType<B>): Semantics {
  return ([first, second], _, before) => {
    const [x, y, out] = [view(from, first!), view(from, second!), view(to, before)];
    const [narrow, wide] = [16 / out.BYTES_PER_ELEMENT, 16 / x.BYTES_PER_ELEMENT];
    const clamp = clampTo(8 * out.BYTES_PER_ELEMENT);
    return bytesOf(
      out.map((_unused, i) => {
        const [group, place] = [Math.floor(i / narrow), i % narrow];
        return clamp((place < wide ? x : y)[group * wide + (place % wide)]!);
      }) as B,
    );
  };
}

const f32 = (f: (...lanes: number[]) => number): Semantics => each(Float32Array, f);
const i32 = (f: (...lanes: number[]) => number): Semantics => each(Int32Array, f);
const whole: Semantics = ([source], _, before) => source!.slice(0, before.length);
const first32 = permute(() => 0);
const codes =
  (encode: (values: Float32Array) => Uint16Array): Semantics =>
  (sources, _, before) => {
    const values = sources.toReversed().flatMap((source) => Array.from(view(Float32Array, source)));
    const out = new Uint8Array(before.length);
    out.set(bytesOf(encode(Float32Array.from(values))).subarray(0, before.length));
    return out;
  };
/** bf16 dot products; exact for the small numbers of the samples. */
const bf16Dot: Semantics = ([first, second], _, before) => {
  const [x, y] = [first!, second!].map((source) => bf16ToF32(view(Uint16Array, source)));
  return bytesOf(
    view(Float32Array, before).map(
      (sum, i) => sum + x![2 * i]! * y![2 * i]! + x![2 * i + 1]! * y![2 * i + 1]!,
    ),
  );
};
const lowest =
  (f: (a: number, b: number) => number): Semantics =>
  ([first, second]) => {
    const [x, y] = [view(Float32Array, first!), view(Float32Array, second!)];
    return bytesOf(x.map((lane, i) => (i === 0 ? f(lane, y[0]!) : lane)));
  };
const quarter =
  (bytes: number): Semantics =>
  ([source], immediate, before) =>
    source!.slice(bytes * (immediate & 1), bytes * (immediate & 1) + before.length);

/** By instruction; those that are not here move or compute nothing in vectors. */
export const SEMANTICS: Readonly<Partial<Record<Mnemonic, Semantics>>> = {
  ...{ vmovups: whole, vmovdqu: whole, vmovdqu32: whole, vmovdqu16: whole, vmovdqu8: whole },
  ...{ vbroadcastss: first32, vpbroadcastd: first32 },
  vpbroadcastw: ([source], _, before) =>
    bytesOf(view(Int16Array, before).fill(view(Int16Array, source!)[0]!)),
  vpbroadcastb: ([source], _, before) => before.slice().fill(source![0]!),
  vbroadcastf128: permute((i) => i & 3),
  vbroadcasti32x4: permute((i) => i & 3),
  vaddps: f32((a, b) => a + b),
  vsubps: f32((a, b) => a - b),
  vmulps: f32((a, b) => a * b),
  vdivps: f32((a, b) => a / b),
  vmaxps: f32((a, b) => (a > b ? a : b)),
  vminps: f32((a, b) => (a < b ? a : b)),
  vsqrtps: f32((a) => Math.sqrt(a)),
  vaddss: lowest((a, b) => a + b),
  vmulss: lowest((a, b) => a * b),
  vfmadd132ps: f32((b, c, a) => a * c + b),
  vfmadd213ps: f32((b, c, a) => b * a + c),
  vfmadd231ps: f32((b, c, a) => b * c + a),
  vfnmadd231ps: f32((b, c, a) => a - b * c),
  vrndscaleps: f32((a) => Math.floor(a)),
  vroundps: f32((a) => Math.floor(a)),
  vscalefps: f32((a, b) => a * 2 ** Math.floor(b)),
  vcmpps: i32Mask((a, b) => a < b),
  vcvtdq2ps: convert(Int32Array, Float32Array),
  vcvtps2dq: convert(Float32Array, Int32Array, roundEven),
  vcvttps2dq: convert(Float32Array, Int32Array, Math.trunc),
  vcvtph2ps: ([source], _, before) =>
    bytesOf(f16ToF32(view(Uint16Array, source!)).slice(0, before.length / 4)),
  vcvtps2ph: codes(f32ToF16),
  vcvtneps2bf16: codes(f32ToBf16),
  vcvtne2ps2bf16: codes(f32ToBf16),
  vpmovsxbw: convert(Int8Array, Int16Array),
  vpmovsxbd: convert(Int8Array, Int32Array),
  vpmovsxwd: convert(Int16Array, Int32Array),
  vpmovzxbw: convert(Uint8Array, Int16Array),
  vpmovzxbd: convert(Uint8Array, Int32Array),
  vpmovzxwd: convert(Uint16Array, Int32Array),
  vpmovdb: convert(Int32Array, Int8Array),
  vpmovsdb: convert(Int32Array, Int8Array, clampTo(8)),
  vpmovdw: convert(Int32Array, Int16Array),
  vpackssdw: pack(Int32Array, Int16Array),
  vpacksswb: pack(Int16Array, Int8Array),
  vpaddd: i32((a, b) => a + b),
  vpsubd: i32((a, b) => a - b),
  vpaddw: each(Int16Array, (a, b) => a + b),
  vpaddb: each(Int8Array, (a, b) => a + b),
  vpsubb: each(Int8Array, (a, b) => a - b),
  vpmulld: i32(Math.imul),
  vpmaxsd: i32((a, b) => Math.max(a, b)),
  vpminsd: i32((a, b) => Math.min(a, b)),
  vpabsb: each(Int8Array, (a) => Math.abs(a)),
  /** Lanes without the sign are zero in a register, and stay in memory. */
  vmaskmovps: (sources, immediate, before, toMemory) =>
    i32((mask, value, old) => (mask < 0 ? value : toMemory ? old : 0))(
      ...([sources, immediate, before, toMemory] as const),
    ),
  vpsignb: each(Int8Array, (a, b) => a * Math.sign(b)),
  vpmaddwd: dot(Int16Array, Int16Array, Int32Array),
  vpmaddubsw: dot(Uint8Array, Int8Array, Int16Array, { clamp: clampTo(16) }),
  vpdpbusd: dot(Uint8Array, Int8Array, Int32Array, { adds: true }),
  vpdpwssd: dot(Int16Array, Int16Array, Int32Array, { adds: true }),
  vdpbf16ps: bf16Dot,
  ...{ vandps: i32((a, b) => a & b), vpand: i32((a, b) => a & b), vpandd: i32((a, b) => a & b) },
  vpandnd: i32((a, b) => ~a & b),
  ...{ vpor: i32((a, b) => a | b), vpord: i32((a, b) => a | b) },
  ...{ vpxor: i32((a, b) => a ^ b), vpxord: i32((a, b) => a ^ b) },
  vpternlogd: ternary(),
  vpsrld: i32((a, _, n) => a >>> n!),
  vpsrad: i32((a, _, n) => a >> n!),
  vpslld: i32((a, _, n) => a << n!),
  vpsrlw: each(Uint16Array, (a, _, n) => a >>> n!),
  vpsllw: each(Uint16Array, (a, _, n) => a << n!),
  vpshufb: ([first, second]) =>
    second!.map((order, i) => (order & 0x80 ? 0 : first![(i & ~15) + (order & 15)]!)),
  ...{ vpermd: byIndex(), vpermps: byIndex() },
  vpermw: ([order, source]) => {
    const [indices, lanes] = [view(Uint16Array, order!), view(Uint16Array, source!)];
    return bytesOf(indices.map((index) => lanes[index % lanes.length]!));
  },
  vpermilps: permute((i, n) => (i & ~3) + ((n >> (2 * (i & 3))) & 3)),
  vpshufd: permute((i, n) => (i & ~3) + ((n >> (2 * (i & 3))) & 3)),
  vunpcklps: unpack(32, false),
  vunpckhps: unpack(32, true),
  vunpcklpd: unpack(64, false),
  vunpckhpd: unpack(64, true),
  ...{ vextractf128: quarter(16), vextracti128: quarter(16) },
  ...{ vextracti32x8: quarter(32), vextractf32x8: quarter(32) },
  vinserti32x8: ([first, second], n) => {
    const out = first!.slice();
    out.set(second!.subarray(0, 32), 32 * (n & 1));
    return out;
  },
  vshuff32x4: permute((i, n, count) => {
    const groups = count / 4;
    const [group, bits] = [i >> 2, Math.log2(groups)];
    const source = group < groups / 2 ? 0 : count;
    return source + 4 * ((n >> (bits * group)) & (groups - 1)) + (i & 3);
  }),
  vpcmpd: i32Mask((a, b) => a < b, Int32Array),
};

/** Minus one in lanes where it holds: as a vector; a mask is made of it. */
function i32Mask(
  f: (a: number, b: number) => boolean,
  type: LaneType<Lanes> = Float32Array as never,
): Semantics {
  return ([first, second]) => {
    const [x, y] = [view(type, first!), view(type, second!)];
    return bytesOf(Int32Array.from({ length: x.length }, (_, i) => (f(x[i]!, y[i]!) ? -1 : 0)));
  };
}

/** Bit by bit, the immediate's bit number `destination first second`. */
function ternary(): Semantics {
  return i32((first, second, before, table) => {
    let out = 0;
    for (let bit = 0; bit < 32; bit++) {
      const index =
        (((before! >> bit) & 1) << 2) | (((first! >> bit) & 1) << 1) | ((second! >> bit) & 1);
      out |= ((table! >> index) & 1) << bit;
    }
    return out;
  });
}

function byIndex(): Semantics {
  return ([order, source]) => {
    const [indices, lanes] = [view(Int32Array, order!), view(Int32Array, source!)];
    return bytesOf(indices.map((index) => lanes[index & (lanes.length - 1)]!));
  };
}
