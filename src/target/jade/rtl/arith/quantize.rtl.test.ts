import { test } from 'node:test';
import { runCampaign } from '../../../../../test/rtl/arith/campaign.ts';
import { missing } from '../../../../../test/rtl/tools.ts';
import { defineModule, type Signal } from '../../../../hdl/index.ts';
import type { MxFormat } from '../../../../ir/index.ts';
import { pipelined, uncut } from './pipeline.ts';
import { delayedBundle } from '../delay.ts';
import { encodeElement, largestExponent, scaleByte } from './quantize.ts';

const CYCLES = 2;

const quantizeUnits = defineModule({
  name: 'quantize_units',
  inputs: { values: 256, element: 32, scale: 8 },
  outputs: { scaleMxint8: 8, scaleMxfp8: 8, scaleMxfp4: 8, mxint8: 8, mxfp8: 8, mxfp4: 4 },
  body({ values, element, scale }, m) {
    const exponent = largestExponent(values.lanes(32), uncut);
    const byte = (format: MxFormat): Signal =>
      delayedBundle(m, `${format}Scale`, scaleByte(exponent, format), CYCLES);
    const code = (format: MxFormat): Signal =>
      pipelined(m, format, CYCLES, (cut) => encodeElement(element, scale, format, cut));
    return {
      ...{ scaleMxint8: byte('mxint8'), scaleMxfp8: byte('mxfp8'), scaleMxfp4: byte('mxfp4') },
      ...{ mxint8: code('mxint8'), mxfp8: code('mxfp8'), mxfp4: code('mxfp4') },
    };
  },
});

const title = 'scales and elements in Verilator are as defined on 10 million blocks of each format';
test(title, { skip: missing('verilator') }, (t) => {
  runCampaign(t, {
    ...{ module: quantizeUnits, reference: 'quantize.cpp', latency: CYCLES },
    ...{ vectors: 10_000_000, seed: 3 },
    // Only exponents decide on a scale.
    ignored: ['UNUSEDSIGNAL'],
  });
});
