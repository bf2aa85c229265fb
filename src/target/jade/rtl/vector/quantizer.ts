/**
 * From the accumulators to the bytes of a window: f32 words as they are, or MX blocks.
 *
 * In the first cycle the largest exponent of each group is found, in the second its elements are
 * encoded; the bytes are there in the cycle after. A group is a power of two of blocks inside a window;
 * the exponent of any other is collected window by window first, for each context.
 */
import {
  defineModule,
  indexWidth,
  joinLanes,
  type ModuleBuilder,
  type Signal,
} from '../../../../hdl/index.ts';
import { MX_BLOCK, type MxFormat } from '../../../../ir/index.ts';
import { uncut } from '../arith/pipeline.ts';
import { delayedBundle } from '../delay.ts';
import { encodeElement, larger, largestExponent, scaleByte } from '../arith/quantize.ts';
import type { VectorWidths } from './shape.ts';

/** Bits of the code of a group: 2^code blocks. */
export function groupBits(lanes: number): number {
  return indexWidth(Math.log2(lanes / MX_BLOCK) + 1);
}

/** One block: its scale byte, then its elements. */
function blockModule(format: MxFormat) {
  return defineModule({
    name: `vector_block_${format}`,
    comment: `Encodes 32 f32 under one scale as a block of ${format}.`,
    inputs: { values: 32 * MX_BLOCK, exponent: 8 },
    outputs: { block: 8 * (MX_BLOCK + 1) },
    body({ values, exponent }) {
      const scale = scaleByte(exponent, format);
      const codes = values.lanes(32).map((x) => encodeElement(x, scale, format, uncut));
      return { block: joinLanes([scale, ...codes]) };
    },
  });
}

export function quantizerModule({ lanes, contexts, format }: VectorWidths) {
  return defineModule({
    name: 'vector_quantizer',
    comment: 'The bytes of a window, as f32 or as MX blocks.',
    inputs: {
      values: 32 * lanes,
      valid: 1,
      isMx: 1,
      group: groupBits(lanes),
      /** Collect the exponent of a group; its first window; use what was collected. */
      measures: 1,
      isFirst: 1,
      isWide: 1,
    },
    outputs: { data: 32 * lanes },
    body: (inputs, m) => quantize(m, inputs, contexts, format),
  });
}

type Inputs = Readonly<
  Record<'values' | 'valid' | 'isMx' | 'group' | 'measures' | 'isFirst' | 'isWide', Signal>
>;

function quantize(m: ModuleBuilder, inputs: Inputs, contexts: number, format: MxFormat) {
  const { values, valid, isMx, group } = inputs;
  const blocks = values.lanes(32 * MX_BLOCK);
  const levels = groupExponents(blocks);
  const measured = measure(m, inputs, levels.at(-1)![0]!, contexts);

  const encode = m.delay('encode', valid, { reset: 0 });
  const kept = m.delay('keptValues', values, { enable: valid });
  const keptMx = m.delay('keptMx', isMx, { enable: valid });
  const encoder = blockModule(format);
  const encoded = blocks.map((_, i) => {
    const choices = levels.map((exponents, level) => exponents[i >> level]!);
    const inside = choices.length === 1 ? choices[0]! : group.choose(choices);
    const exponent = inputs.isWide.mux(measured, inside);
    const block = m.instance(`block${i}`, encoder, {
      values: kept.slice(32 * MX_BLOCK * (i + 1) - 1, 32 * MX_BLOCK * i),
      exponent: m.delay(`exponent${i}`, exponent, { enable: valid.and(isMx) }),
    });
    return block.block;
  });
  const packed = joinLanes(encoded).zeroExtend(values.width);
  return { data: m.delay('bytes', keptMx.mux(packed, kept), { enable: encode }) };
}

/** Largest exponents of the groups of 1, 2, 4 … blocks. */
function groupExponents(blocks: readonly Signal[]): Signal[][] {
  const levels = [blocks.map((block) => largestExponent(block.lanes(32), uncut))];
  for (let last = levels[0]!; last.length > 1; last = levels.at(-1)!) {
    const pairs = Array.from({ length: last.length / 2 }, (_, i) => {
      return larger(last[2 * i]!, last[2 * i + 1]!);
    });
    levels.push(pairs);
  }
  return levels;
}

/** What was collected for the context of this cycle: it comes round every P cycles. */
function measure(m: ModuleBuilder, inputs: Inputs, window: Signal, contexts: number): Signal {
  const round = m.wire('measuredNow', 8);
  const sofar = inputs.isFirst.mux(window, larger(round, window));
  round.set(delayedBundle(m, 'measured', inputs.measures.mux(sofar, round), contexts));
  return round;
}
