// Sum, product and order of f32 against the arithmetic of the host.
#include "Vfloat_units.h"
#include "campaign.h"

struct FloatCampaign {
  struct Vector {
    uint32_t a, b;
  };

  /** Unrelated, or of near exponents, or almost equal: where sums round and cancel. */
  static Vector draw(Random& random, long) {
    const uint32_t a = anyWord(random), b = anyWord(random);
    const int exponent = int(a >> 23 & 255) + int(random.below(54)) - 27;
    switch (random.below(4)) {
      case 0: return {a, (a ^ random.word() >> 31 << 31) + random.below(9) - 4};
      case 1:
        if (exponent >= 0 && exponent < 255) return {a, (b & 0x807fffff) | uint32_t(exponent) << 23};
        [[fallthrough]];
      case 2: {  // a product near the smallest numbers
        const int partner = 127 - int(a >> 23 & 255) + int(random.below(52)) - 26;
        if (partner >= 0 && partner < 255) return {a, (b & 0x807fffff) | uint32_t(partner) << 23};
        [[fallthrough]];
      }
      default: return {a, b};
    }
  }

  static void drive(Vfloat_units& top, const Vector& v) {
    top.a = v.a;
    top.b = v.b;
  }

  static void check(const Vfloat_units& top, const Vector& v) {
    const float a = f32(v.a), b = f32(v.b);
    const bool isNaN = a != a || b != b;
    const float larger = a == b ? (std::signbit(a) ? b : a) : a > b ? a : b;
    const std::vector<uint32_t> operands = {v.a, v.b};
    expectEqual("sum", top.sum, wordOf(a + b), operands);
    expectEqual("product", top.product, wordOf(a * b), operands);
    expectEqual("max", top.max, isNaN ? canonicalNaN : wordOf(larger), operands);
    expectEqual("isLarger", top.is_larger, a > b || (b != b && a == a), operands);
    expectEqual("canonical", top.canonical, a != a ? canonicalNaN : v.a, operands);
  }
};

int main(int count, char** arguments) { return run<Vfloat_units, FloatCampaign>(count, arguments); }
