/** What a simulation shows: waveforms as text and value change dumps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { counter } from './examples/counter.ts';
import { defineModule } from './module.ts';
import type { Module } from './signal.ts';
import { CycleSimulator } from './simulator.ts';
import { writeVcd } from './vcd.ts';
import { Waveform } from './waveform.ts';

/** Two counters, one of which counts when the other is at 3. */
function cascade(): Module {
  return defineModule({
    name: 'cascade',
    inputs: { enable: 1 },
    outputs: { high: 4 },
    body({ enable }, m) {
      const low = m.instance('low', counter(2), { enable });
      const carry = low.count.eq(3).and(enable).named('carry');
      return { high: m.instance('up', counter(4), { enable: carry }).count };
    },
  }) as Module;
}

const ENABLED = [0, 1, 1, 1, 0, 1, 1];

test('a waveform shows levels of bits, and numbers where they change', () => {
  const simulator = new CycleSimulator(cascade());
  const waveform = new Waveform(simulator, ['enable', 'low.count', 'carry', 'high']);
  for (const enable of ENABLED) simulator.step({ enable });
  assert.equal(
    waveform.toString(),
    [
      'cycle      0  1  2  3  4  5  6',
      'enable     ▁▁▁▔▔▔▔▔▔▔▔▔▁▁▁▔▔▔▔▔▔',
      'low.count  0─────1──2──3─────0──',
      'carry      ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▔▔▔▁▁▁',
      'high       0─────────────────1──',
    ].join('\n'),
  );
});

test('a waveform of a signal that is not there is refused', () => {
  const simulator = new CycleSimulator(counter(2) as Module);
  assert.throws(() => new Waveform(simulator, ['sum']), {
    message: 'a signal must be one of enable, count, count_next, not sum',
    where: 'module counter_2, cycle 0',
  });
});

test('a value change dump has the hierarchy, and of each cycle what changed', () => {
  const simulator = new CycleSimulator(cascade());
  let text = '';
  writeVcd(simulator, (piece) => {
    text += piece;
  });
  for (const enable of [0, 1, 1]) simulator.step({ enable });
  assert.equal(text, VCD);
});

const VCD = `$timescale 1ns $end
$scope module cascade $end
$var wire 1 ! clock $end
$var wire 1 " enable $end
$var wire 4 # high $end
$var wire 2 $ low_count $end
$var wire 1 % carry $end
$var wire 1 & eq_1 $end
$scope module low $end
$var wire 1 ' enable $end
$var wire 2 ( count $end
$var wire 2 ) count_next $end
$upscope $end
$scope module up $end
$var wire 1 * enable $end
$var wire 4 + count $end
$var wire 4 , count_next $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
1!
0"
b0 #
b0 $
0%
0&
0'
b0 (
b1 )
0*
b0 +
b1 ,
#5
0!
#10
1!
1"
1'
#15
0!
#20
1!
b1 $
b1 (
b10 )
#25
0!
`;
