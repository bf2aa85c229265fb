import { test } from 'node:test';
import { runCampaign } from '../../../../../test/rtl/arith/campaign.ts';
import { missing } from '../../../../../test/rtl/tools.ts';
import { defineModule } from '../../../../hdl/index.ts';
import { exp2, reciprocal, rsqrt, sigmoid } from './composition.ts';
import { pipelined } from './pipeline.ts';

const functionUnits = defineModule({
  name: 'function_units',
  inputs: { x: 32 },
  outputs: { exp2: 32, reciprocal: 32, rsqrt: 32, sigmoid: 32 },
  body({ x }, m) {
    return pipelined(m, 'stage', 1, () => ({
      exp2: exp2(x),
      reciprocal: reciprocal(x),
      rsqrt: rsqrt(x),
      sigmoid: sigmoid(x),
    }));
  },
});

const title =
  'exp2, reciprocal, rsqrt and sigmoid in Verilator are as defined on 10 million numbers';
test(title, { skip: missing('verilator') }, (t) => {
  runCampaign(t, {
    ...{ module: functionUnits, reference: 'functions.cpp', latency: 1 },
    ...{ vectors: 10_000_000, seed: 2 },
    // The last step replaces the sign and the exponent that the last product gives.
    ignored: ['UNUSEDSIGNAL'],
  });
});
