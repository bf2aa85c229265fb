/** The seeded bugs, unit by unit: each must be found by random programs on the core. */
import type { Mutation } from './mutation.ts';

export interface Mutant extends Mutation {
  readonly unit: 'control' | 'memory' | 'dma' | 'matrix' | 'vector' | 'arithmetic';
  /** What is broken, for people. */
  readonly breaks: string;
}

type Row = readonly [module: string, signal: string, becomes: string, breaks: string];

function mutantsOf(unit: Mutant['unit'], rows: readonly Row[]): Mutant[] {
  return rows.map(([module, signal, becomes, breaks]) => ({
    unit,
    module,
    signal,
    becomes,
    breaks,
  }));
}

const CONTROL = mutantsOf('control', [
  ['semaphores', 'load_to_vector_next', "$ + 16'h1", 'a token is counted twice'],
  [
    'semaphores',
    'matrix_to_vector_enable',
    "$ & (matrix_to_vector == 16'h0)",
    'a token is dropped where one is already there',
  ],
  ['semaphores', 'vector_ready', "1'b1", 'a head that does not wait for its tokens'],
  ['bank_ports', 'vector_read_holders0_next', "11'h0", 'read ports that are never held'],
  [
    'bank_ports',
    'load_write_holders1_next',
    "11'h0",
    'write ports that are free while one of two holders works',
  ],
  ['bank_ports', 'store_starts', 'store_can', 'a store that does not wait for its ports'],
  ['fifo_8x598', 'room', "used <= 4'h8", 'a full queue that takes one more'],
  ['fifo_8x534', 'valid', '|used', 'a head that is read as it is written'],
]);

const MEMORY = mutantsOf('memory', [
  [
    'local_memory',
    'vector_read_even_line_next',
    'vector_read_address[17:8]',
    'a window that begins in an odd word and goes on in the wrong even one',
  ],
  [
    'local_memory',
    'accumulator_write_second',
    "1'b0",
    'a write over two words that leaves out the second',
  ],
  [
    'local_memory',
    'weight_read_odd_used_next',
    'weight_read_even_used_next',
    'even and odd banks swapped',
  ],
  ['local_memory', 'scratchpad3_even_bytes', "$ | 128'h1", 'a byte enable that is always 1'],
]);

const DMA = mutantsOf('dma', [
  [
    'load_receiver',
    'beat_bytes',
    "($ == 4'h0) ? 4'h0 : 4'h8",
    'bytes after the end of a row are written',
  ],
  ['load_receiver', 'write_valid', '$ & ~beat_last_beat', 'the last beat of a row is dropped'],
  ['load_receiver', 'local_plane_next', "$ + 18'h1", 'off by one: local address of a plane'],
  ['command_generator', 'memory_row_next', "$ + 25'h1", 'off by one: memory address of a row'],
  ['store_reader', 'local_row_next', "$ + 18'h1", 'off by one: local address of a stored row'],
  ['load_front', 'skip1_next', "1'b0", 'a load that is not skipped'],
  ['load_front', 'fault', "1'b0", 'no fault for an index outside of the table'],
  ['dma', 'generator_store_memory', 'storememory_kept', 'a store that ignores its position'],
  ['dma', 'store_row', 'add_1', 'a store that goes on a row a position, however many share one'],
  ['load_front', 'row', 'position >> shift3', 'a load that ignores the tokens before its own'],
]);

const MATRIX = mutantsOf('matrix', [
  ['row_sequencer', 'last_j', 'j == inner_field', 'off by one: inner rows'],
  ['row_sequencer', 'list', "$ + 18'h4", 'off by one: entry of the row list'],
  [
    'row_sequencer',
    'tile',
    "pass_new_tile ? ($ + 18'h4) : $",
    'off by one: accumulators of a tile',
  ],
  [
    'row_sequencer',
    'accumulator_read',
    '$ & ~accumulate_field',
    'sums that do not go on from what is there',
  ],
  ['row_sequencer', 'fault', "1'b0", 'no fault for a row outside of the list'],
  ['weight_loader', 'next_tile', "$ + 18'h1", 'off by one: weights of a tile'],
  ['weight_loader', 'clamped_count', 'control_data[19:0]', 'a row count that is not clamped'],
  [
    'weight_loader',
    'origin',
    'w[17:0]',
    'the scale byte of transposed weights is taken for an element',
  ],
  ['weight_loader', 'half_next', "1'b0", 'the second half of a block is never reached'],
  ['matrix_column', 'loaded5_enable', '$ & ~writes_block', 'stale shadow weights'],
  [
    'matrix_column',
    'loaded_scale_next',
    'block[7:0]',
    'transposed weights take an element for their scale',
  ],
  ['matrix_unit', 'row_bytes', "7'h40", 'columns beyond the last are written'],
]);

const VECTOR = mutantsOf('vector', [
  ['vector_rows', 'next_t', 'j == inner_field', 'off by one: inner rows'],
  ['vector_rows', 'limit_next', "$ + 32'h1", 'softmax sees a column too many'],
  [
    'vector_rows',
    'columns_of_positions',
    'seen_next',
    'a column a position, however many share one',
  ],
  ['vector_sequencer', 'a_term_next', "$ + 14'h4", 'off by one: row of a term'],
  ['vector_sequencer', 'b_term_next', "14'h0", 'all terms have the first number'],
  [
    'vector_unit',
    'walk_b_stride',
    "(opcode == 8'h29) ? 14'h0 : $",
    'all tokens of route have the first bias',
  ],
  ['vector_unit', 'condition_bits', "$ & 9'h1df", 'swiglu forgets its limit'],
  ['vector_unit', 'condition_bits', "$ & 9'h0ff", 'groups of route by their best two, always'],
  ['vector_rows', 'd_item_next', "next_row ? ($ + 18'h4) : $", 'off by one: destination of a row'],
  ['vector_dispatch_lists', 'appends', "gate_arrives4 & (word != 32'h0)", 'a gate of −0 counts'],
  ['vector_tokens', 'entry_next', "$ + 18'h4", 'off by one: entry of the token list'],
  ['vector_tokens', 'fault', "1'b0", 'no fault for a token outside of its rows'],
  ['vector_lanes', 'accumulator5', 'lane4_accumulator', 'a lane takes the place of another'],
  ['vector_issue', 'write_bytes_next', "8'h80", 'lanes beyond the last column are written'],
  [
    'vector_quantizer',
    'exponent0_next',
    'is_wide ? measured_now : largest_exponent_30',
    'a scale byte that ignores half of the block',
  ],
]);

const ARITHMETIC = mutantsOf('arithmetic', [
  ['matrix_column', 'sum_2', "$ & 17'hffff", 'the sign of a partial sum is not extended'],
  [
    'matrix_column',
    'round_up',
    "1'b0",
    'the dot product is cut, not rounded, where it is subnormal',
  ],
  ['matrix_column', 'round_up_2', "1'b0", 'the sum of an accumulator is cut, not rounded'],
  ['matrix_column', 'lost_2', "1'b0", 'the sum of an accumulator forgets what was shifted out'],
  ['matrix_column', 'unit_exponent', "$ + 10'h1", 'the scale of a block is doubled'],
  ['vector_lane', 'round_up', "1'b0", 'a product is cut, not rounded'],
  ['vector_lane', 'round_up_2', 'concat_52[1]', 'a sum rounds ties away from zero'],
  ['vector_lane', 'lost_2', "1'b0", 'a sum forgets what was shifted out'],
  ['vector_lane', 'round_away', "1'b0", 'exp2 takes the wrong entry of its table'],
  ['vector_block_mxint8', 'lost_9', "1'b0", 'quantising forgets what was shifted out'],
]);

export const MUTANTS: readonly Mutant[] = [
  ...CONTROL,
  ...MEMORY,
  ...DMA,
  ...MATRIX,
  ...VECTOR,
  ...ARITHMETIC,
];
