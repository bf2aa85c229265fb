import { test } from 'node:test';
import { runCampaign } from '../../../../../test/rtl/arith/campaign.ts';
import { missing } from '../../../../../test/rtl/tools.ts';
import { defineModule } from '../../../../hdl/index.ts';
import { addF32, canonicalize, isLarger, maxF32, mulF32 } from './float.ts';
import { pipelined } from './pipeline.ts';

const CYCLES = 4;

const floatUnits = defineModule({
  name: 'float_units',
  inputs: { a: 32, b: 32 },
  outputs: { sum: 32, product: 32, max: 32, isLarger: 1, canonical: 32 },
  body({ a, b }, m) {
    return {
      sum: pipelined(m, 'sumStage', CYCLES, (cut) => addF32(a, b, cut)),
      product: pipelined(m, 'productStage', CYCLES, (cut) => mulF32(a, b, cut)),
      max: pipelined(m, 'maxStage', CYCLES, () => maxF32(a, b)),
      isLarger: pipelined(m, 'orderStage', CYCLES, () => isLarger(a, b)),
      canonical: pipelined(m, 'canonicalStage', CYCLES, () => canonicalize(a)),
    };
  },
});

const title =
  'sums, products and orders of f32 in Verilator are those of the host on 20 million pairs';
test(title, { skip: missing('verilator') }, (t) => {
  runCampaign(t, {
    ...{ module: floatUnits, reference: 'float.cpp', latency: CYCLES },
    ...{ vectors: 20_000_000, seed: 1 },
  });
});
