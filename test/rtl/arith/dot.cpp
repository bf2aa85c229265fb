// Block products against docs/numerics.md, section 2: sums in f64, which holds them exactly.
#include <cstring>

#include "Vdot_units.h"
#include "campaign.h"

static double e4m3Of(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  if ((code & 127) == 127) return NAN;
  const double magnitude =
      exponent == 0 ? std::ldexp(mantissa, -9) : std::ldexp(8 + mantissa, exponent - 10);
  return code & 128 ? -magnitude : magnitude;
}

struct DotCampaign {
  struct Vector {
    uint8_t a[32], w[32], scaleA, scaleW, isWeight;
  };

  /** First every pair of bytes alone in a block; then whole blocks, dense or sparse, mostly without NaN. */
  static Vector draw(Random& random, long i) {
    Vector v = {};
    v.scaleA = v.scaleW = 127;
    v.isWeight = random.below(2);
    if (i < 1 << 16) {
      v.a[i % 32] = i;
      v.w[i % 32] = i >> 8;
      return v;
    }
    fill(random, v.a);
    fill(random, v.w);
    const bool isAnyScale = random.below(4) == 0;
    v.scaleA = isAnyScale ? random.below(256) : 67 + random.below(121);
    v.scaleW = isAnyScale ? random.below(256) : 67 + random.below(121);
    return v;
  }

  static void fill(Random& random, uint8_t* bytes) {
    for (int i = 0; i < 32; i += 8) {
      const uint64_t word = random.next();
      std::memcpy(bytes + i, &word, 8);
    }
    const uint32_t kept = random.below(3) == 0 ? random.word() & random.word() & random.word() & random.word() : ~0u;
    const bool mayBeNaN = random.below(16) == 0;
    const uint8_t mask = random.below(4) == 0 ? 0xb7 : 0xff;
    for (int i = 0; i < 32; i++) {
      bytes[i] &= mask;
      if (!(kept >> i & 1) || (!mayBeNaN && (bytes[i] & 127) == 127)) bytes[i] = 0;
    }
  }

  static void drive(Vdot_units& top, const Vector& v) {
    std::memcpy(&top.activations, v.a, 32);
    std::memcpy(&top.weights, v.w, 32);
    top.activation_scale = v.scaleA;
    top.weight_scale = v.scaleW;
    top.is_weight = v.isWeight;
  }

  static void check(const Vdot_units& top, const Vector& v) {
    static const std::vector<double> e4m3 = [] {
      std::vector<double> values(256);
      for (int code = 0; code < 256; code++) values[code] = e4m3Of(code);
      return values;
    }();
    double integers = 0, floats = 0;
    for (int i = 0; i < 32; i++) {
      integers += int8_t(v.a[i]) * int8_t(v.w[i]);
      floats += e4m3[v.a[i]] * e4m3[v.w[i]];
    }
    expectAddend("mxint8 x mxint8", top.int8, v, integers, 12);
    expectAddend("mxint8 x mxfp4", top.int8_fp4, v, integers, v.isWeight ? 7 : 12);
    expectAddend("mxfp8 x mxfp8", top.fp8, v, floats, 0);
  }

  static void expectAddend(const char* what, uint32_t given, const Vector& v, double sum, int unit) {
    const bool isNaN = v.scaleA == 255 || v.scaleW == 255;
    const float addend = float(std::ldexp(sum, int(v.scaleA) + int(v.scaleW) - 254 - unit));
    const uint32_t expected = isNaN ? canonicalNaN : wordOf(addend);
    if (given == expected) return;
    std::vector<uint32_t> operands = {v.scaleA, v.scaleW, v.isWeight};
    operands.insert(operands.end(), v.a, v.a + 32);
    operands.insert(operands.end(), v.w, v.w + 32);
    expectEqual(what, given, expected, operands);
  }
};

int main(int count, char** arguments) { return run<Vdot_units, DotCampaign>(count, arguments); }
