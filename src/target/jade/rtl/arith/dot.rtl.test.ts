import { test } from 'node:test';
import { runCampaign } from '../../../../../test/rtl/arith/campaign.ts';
import { missing } from '../../../../../test/rtl/tools.ts';
import { defineModule, type Signal } from '../../../../hdl/index.ts';
import { dotBlock, type DotFormats } from './dot.ts';
import { pipelined } from './pipeline.ts';

const CYCLES = 4;

const dotUnits = defineModule({
  name: 'dot_units',
  inputs: { activations: 256, weights: 256, activationScale: 8, weightScale: 8, isWeight: 1 },
  outputs: { int8: 32, int8Fp4: 32, fp8: 32 },
  body({ isWeight, ...operands }, m) {
    const dot = (name: string, formats: DotFormats): Signal =>
      pipelined(m, name, CYCLES, (cut) =>
        dotBlock({ ...operands, weightIsWeightFormat: isWeight }, formats, cut),
      );
    return {
      int8: dot('int8Stage', { activation: 'mxint8', weight: 'mxint8' }),
      int8Fp4: dot('int8Fp4Stage', { activation: 'mxint8', weight: 'mxfp4' }),
      fp8: dot('fp8Stage', { activation: 'mxfp8', weight: 'mxfp8' }),
    };
  },
});

const title =
  'block products in Verilator are exact and rounded once: all pairs of bytes, 10 million blocks';
test(title, { skip: missing('verilator') }, (t) => {
  runCampaign(t, {
    ...{ module: dotUnits, reference: 'dot.cpp', latency: CYCLES },
    ...{ vectors: 10_000_000, seed: 4 },
  });
});
