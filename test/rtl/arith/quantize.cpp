// Scales and elements of MX blocks against docs/numerics.md, section 1, in f64 of the host.
#include <algorithm>

#include "Vquantize_units.h"
#include "campaign.h"

const int lanes = 8;

static uint32_t scaleOf(const uint32_t* words, int emax) {
  float largest = 0;
  for (int i = 0; i < lanes; i++) {
    const float magnitude = std::fabs(f32(words[i]));
    if (!(magnitude <= 0x1.fffffep127f)) return 255;
    largest = std::max(largest, magnitude);
  }
  const int e = largest < 0x1p-126f ? -60 : std::ilogb(largest) - emax;
  return std::clamp(e, -60, 60) + 127;
}

static uint32_t int8Of(double x) {
  return uint8_t(int(std::clamp(std::nearbyint(x * 64), -127.0, 127.0)));
}

/** A float of so many bits of mantissa: the nearest value, its code counted from 0 on. */
static uint32_t minifloatOf(double x, int mantissaBits, int bias, uint32_t largest, int sign) {
  const double magnitude = std::fabs(x);
  const int exponent = std::max(magnitude == 0 ? 1 - bias : std::ilogb(magnitude), 1 - bias);
  const double steps = std::nearbyint(std::ldexp(magnitude, mantissaBits - exponent));
  const double code = std::ldexp(exponent + bias - 1, mantissaBits) + steps;
  return uint32_t(std::min(code, double(largest))) | (std::signbit(x) ? 1u << sign : 0);
}

struct QuantizeCampaign {
  struct Vector {
    uint32_t values[lanes], element, scale;
  };

  /** Values of any kind or near each other; an element near its scale, often halfway. */
  static Vector draw(Random& random, long) {
    Vector v;
    const uint32_t mask = random.below(2) ? 0xffffffff : 0x8fffffff, add = random.word() & 0x60000000;
    for (uint32_t& value : v.values) value = (anyWord(random) & mask) + (~mask & add);
    v.scale = random.below(16) == 0 ? 255 : 67 + random.below(121);
    const int exponent = int(v.scale) + int(random.below(36)) - 18;
    v.element = anyWord(random);
    if ((v.element >> 23 & 255) == 255 || random.below(8) != 0)
      v.element = (v.element & 0x807fffff) | uint32_t(std::clamp(exponent, 0, 254)) << 23;
    return v;
  }

  static void drive(Vquantize_units& top, const Vector& v) {
    for (int i = 0; i < lanes; i++) top.values[i] = v.values[i];
    top.element = v.element;
    top.scale = v.scale;
  }

  static void check(const Vquantize_units& top, const Vector& v) {
    const std::vector<uint32_t> values(v.values, v.values + lanes);
    expectEqual("scale of mxint8", top.scale_mxint8, scaleOf(v.values, 0), values);
    expectEqual("scale of mxfp8", top.scale_mxfp8, scaleOf(v.values, 8), values);
    expectEqual("scale of mxfp4", top.scale_mxfp4, scaleOf(v.values, 2), values);
    const bool isNaN = v.scale == 255;
    const double x = std::ldexp(double(f32(v.element)), 127 - int(v.scale));
    const std::vector<uint32_t> operands = {v.element, v.scale};
    expectEqual("mxint8", top.mxint8, isNaN ? 0 : int8Of(x), operands);
    expectEqual("mxfp8", top.mxfp8, isNaN ? 0 : minifloatOf(x, 3, 7, 0x7e, 7), operands);
    expectEqual("mxfp4", top.mxfp4, isNaN ? 0 : minifloatOf(x, 1, 1, 7, 3), operands);
  }
};

int main(int count, char** arguments) {
  return run<Vquantize_units, QuantizeCampaign>(count, arguments);
}
