/** A small library of our own, for tests: round numbers, no process behind it. */

/** Loads and slews of all tables, in fF and ps. */
const INDICES = ['index_1 ("1, 10, 100");', 'index_2 ("1, 2, 4");'];

interface Gate {
  readonly name: string;
  readonly function: string;
  readonly inputs: string;
  readonly area: number;
}

const GATES: readonly Gate[] = [
  { name: 'INV', function: '!A', inputs: 'A', area: 1 },
  { name: 'BUF', function: 'A', inputs: 'A', area: 1.5 },
  { name: 'NAND2', function: "(A B)'", inputs: 'AB', area: 2 },
  { name: 'NOR2', function: '!(A+B)', inputs: 'AB', area: 2 },
  { name: 'XOR2', function: 'A^B', inputs: 'AB', area: 4 },
  { name: 'AOI21', function: '!((A & B) | C)', inputs: 'ABC', area: 3 },
];

/** Each input has 1 fF; a toggle of an output costs 2 fJ and 1 fJ more for each fF it drives. */
export function testLibrary(): string {
  return `/* a test */ library (test) {
  time_unit : "1ps"; voltage_unit : "1V"; current_unit : "1mA"; leakage_power_unit : 1nW;
  pulling_resistance_unit : "1kohm";
  capacitive_load_unit (1, ff);
  delay_model : table_lookup; nom_voltage : 1; nom_temperature : 25; nom_process : 1
  lu_table_template (t) {
    variable_1 : input_net_transition; variable_2 : total_output_net_capacitance;
    ${INDICES.join(' ')}
  }
  ${GATES.map(gate).join('\n')}
  ${flop('DFFR', 9, 'clear : "!R";', 'pin (R) { direction : input; capacitance : 1; }')}
  ${flop('DFF', 8, '', '')}
  ${flop('SDFF', 5, 'scan : 1;', 'pin (S) { direction : input; capacitance : 1; }').replace('"D"', '"D*!S"')}
  cell (LATCH) { area : 1; latch (IQ, IQN) { enable : "G"; data_in : "D"; } }
}`;
}

function gate({ name, function: text, inputs, area }: Gate): string {
  const pins = [...inputs].map((pin) => `pin (${pin}) { direction : input; capacitance : 1; }`);
  const arcs = [...inputs].map((pin) => {
    const delays = ['cell_rise', 'cell_fall', 'rise_transition', 'fall_transition'];
    return `timing () { related_pin : "${pin}"; timing_sense : non_unate; ${delays.map((kind) => table(kind, 10)).join(' ')} }`;
  });
  return `cell (${name}) { area : ${area}; cell_leakage_power : 3;
    ${pins.join(' ')}
    pin (Y) { direction : output; max_capacitance : 100; function : "${text}";
      internal_power () { ${table('rise_power', 1)} ${table('fall_power', 1)} }
      ${arcs.join('\n')} } }`;
}

function flop(name: string, area: number, extra: string, pins: string): string {
  const edges = ['cell_rise', 'cell_fall', 'rise_transition', 'fall_transition'];
  const setup = ['rise_constraint', 'fall_constraint'].map((kind) => table(kind, 5)).join(' ');
  return `cell (${name}) { area : ${area}; cell_leakage_power : 5;
    ff (IQ, IQN) { clocked_on : "C"; next_state : "D"; ${extra} } ${pins}
    pin (C) { direction : input; clock : true; capacitance : 1;
      internal_power () { rise_power (s) { values ("3"); } fall_power (s) { values ("1"); } } }
    pin (D) { direction : input; capacitance : 1;
      timing () { related_pin : "C"; timing_type : setup_rising; ${setup} } }
    pin (Q) { direction : output; max_capacitance : 100; function : "IQ";
      timing () { related_pin : "C"; timing_type : rising_edge; ${edges.map((kind) => table(kind, 20)).join(' ')} } }
    pin (QN) { direction : output; max_capacitance : 100; function : "IQN"; }
  }`;
}

/** first + load in all rows. */
function table(kind: string, first: number): string {
  const row = [1, 2, 4].map((load) => first + load).join(', ');
  return `${kind} (t) { ${INDICES.join(' ')} values ("${row}", \\
    "${row}", "${row}"); }`;
}
