// exp2, reciprocal, rsqrt and sigmoid against docs/numerics.md, section 3, in f32 of the host.
#include "Vfunction_units.h"
#include "campaign.h"

static float exp2Of(float x) {
  if (x != x) return x;
  if (x >= 128) return INFINITY;
  if (x < -126) return 0;
  const float ln2 = float(M_LN2);
  const float c2 = float(M_LN2 * M_LN2 / 2), c3 = float(M_LN2 * M_LN2 * M_LN2 / 6);
  const int j = int(std::floor(double(x) * 32 + 0.5));
  const float r = float(double(x) - j / 32.0);
  float p = c3 * r;
  p = p + c2;
  p = p * r;
  p = p + ln2;
  p = p * r;
  p = p + 1.0f;
  return std::ldexp(float(std::exp2((j & 31) / 32.0)) * p, j >> 5);
}

static float reciprocalOf(float x) {
  if (x != x) return x;
  const float sign = std::copysign(1.0f, x);
  if (std::isinf(x)) return sign * 0.0f;
  if (std::fabs(x) < 0x1p-126f) return sign * INFINITY;
  const int q = std::ilogb(x);
  const float m = std::ldexp(std::fabs(x), -q);
  float y = float(1 / (1 + (std::floor((m - 1) * 64) + 0.5) / 64));
  for (int i = 0; i < 2; i++) y = y * (2.0f - m * y);
  const double result = std::ldexp(double(y), -q);
  return sign * (result < 0x1p-126 ? 0.0f : float(result));
}

static float rsqrtOf(float x) {
  if (!(x >= 0)) return NAN;
  if (std::isinf(x)) return 0;
  if (x < 0x1p-126f) return INFINITY;
  const int q = std::ilogb(x) >> 1;
  const float m = std::ldexp(x, -2 * q);
  const float half = 0.5f * m;
  float y = float(1 / std::sqrt(1 + (std::floor((m - 1) * 32) + 0.5) / 32));
  for (int i = 0; i < 3; i++) y = y * (1.5f - half * (y * y));
  return std::ldexp(y, -q);
}

static float sigmoidOf(float x) { return reciprocalOf(1.0f + exp2Of(-x * float(M_LOG2E))); }

struct FunctionCampaign {
  using Vector = uint32_t;

  /** Any number, one of the next exponent, one of the range of exp2, or one between two steps of its table. */
  static Vector draw(Random& random, long i) {
    const uint32_t word = anyWord(random);
    switch (random.below(4)) {
      case 0: return (word & 0x807fffff) | uint32_t(i & 255) << 23;
      case 1: return wordOf((float(random.word()) - 0x1p31f) * 0x1p-24f * 1.1f);
      case 2: return wordOf((int(random.below(1 << 14)) - (1 << 13)) / 64.0f) + random.below(5) - 2;
      default: return word;
    }
  }

  static void drive(Vfunction_units& top, Vector x) { top.x = x; }

  static void check(const Vfunction_units& top, Vector word) {
    const float x = f32(word);
    const std::vector<uint32_t> operands = {word};
    expectEqual("exp2", top.exp2, wordOf(exp2Of(x)), operands);
    expectEqual("reciprocal", top.reciprocal, wordOf(reciprocalOf(x)), operands);
    expectEqual("rsqrt", top.rsqrt, wordOf(rsqrtOf(x)), operands);
    expectEqual("sigmoid", top.sigmoid, wordOf(sigmoidOf(x)), operands);
  }
};

int main(int count, char** arguments) {
  return run<Vfunction_units, FunctionCampaign>(count, arguments);
}
