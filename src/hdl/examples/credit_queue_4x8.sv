// A queue whose sender holds a credit for each free place.
module credit_queue_4x8 (
  input  logic       clock,
  input  logic       reset,
  input  logic       push,
  input  logic [7:0] push_data,
  input  logic       pop,
  output logic       credit,
  output logic       valid,
  output logic [7:0] pop_data
);

  // the oldest entry
  logic [1:0] head;
  // the next free place
  logic [1:0] tail;
  logic [2:0] used;
  logic [7:0] place0;
  logic [7:0] place1;
  logic [7:0] place2;
  logic [7:0] place3;

  assign valid = |used;
  always_comb
    case (head)
      2'h0: pop_data = place0;
      2'h1: pop_data = place1;
      2'h2: pop_data = place2;
      default: pop_data = place3;
    endcase
  wire [1:0] head_next = head + 2'h1;
  wire [1:0] tail_next = tail + 2'h1;
  wire [2:0] mux_1 = pop ? 3'h7 : 3'h1;
  wire [2:0] used_next = used + mux_1;
  wire used_enable = push ^ pop;
  wire eq_1 = tail == 2'h0;
  wire place0_enable = push & eq_1;
  wire eq_2 = tail == 2'h1;
  wire place1_enable = push & eq_2;
  wire eq_3 = tail == 2'h2;
  wire place2_enable = push & eq_3;
  wire eq_4 = tail == 2'h3;
  wire place3_enable = push & eq_4;
  wire lt_u_1 = used < 3'h4;
  wire not_1 = ~push;
  wire or_1 = lt_u_1 | not_1;
  wire reduce_or_1 = |used;
  wire not_2 = ~pop;
  wire or_2 = reduce_or_1 | not_2;

  always_ff @(posedge clock) begin
    if (reset) head <= 2'h0;
    else if (pop) head <= head_next;
  end

  always_ff @(posedge clock) begin
    if (reset) tail <= 2'h0;
    else if (push) tail <= tail_next;
  end

  always_ff @(posedge clock) begin
    if (reset) used <= 3'h0;
    else if (used_enable) used <= used_next;
  end

  always_ff @(posedge clock) begin
    if (place0_enable) place0 <= push_data;
  end

  always_ff @(posedge clock) begin
    if (place1_enable) place1 <= push_data;
  end

  always_ff @(posedge clock) begin
    if (place2_enable) place2 <= push_data;
  end

  always_ff @(posedge clock) begin
    if (place3_enable) place3 <= push_data;
  end

  always_ff @(posedge clock) begin
    if (reset) credit <= 1'b0;
    else credit <= pop;
  end

  `ifndef SYNTHESIS
  always @(posedge clock) begin
    if (!reset) begin : push_on_credit
      assert (or_1);
    end
    if (!reset) begin : pop_when_valid
      assert (or_2);
    end
  end
  `endif

endmodule
