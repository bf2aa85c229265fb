// Counts the cycles with enable.
module counter_8 (
  input  logic       clock,
  input  logic       reset,
  input  logic       enable,
  output logic [7:0] count
);

  wire [7:0] count_next = count + 8'h1;

  always_ff @(posedge clock) begin
    if (reset) count <= 8'h0;
    else if (enable) count <= count_next;
  end

endmodule
