// Random vectors against a verilated module: one new vector a cycle, each result exactly `latency`
// cycles later. A campaign draws a vector, drives it, and checks what comes out against a reference in
// plain C++; the first difference ends it with operands and both values.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

/** SplitMix64: https://prng.di.unimi.it/splitmix64.c */
struct Random {
  uint64_t state;
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }
  uint32_t word() { return next() >> 32; }
  /** From 0 to n - 1. */
  uint32_t below(uint32_t n) { return (next() >> 32) * n >> 32; }
};

const uint32_t canonicalNaN = 0x7fc00000;

inline float f32(uint32_t word) { return std::bit_cast<float>(word); }
inline uint32_t wordOf(float x) { return x != x ? canonicalNaN : std::bit_cast<uint32_t>(x); }

/** Uniform bits, few ones, many ones, subnormals, or a corner of the format. */
inline uint32_t anyWord(Random& random) {
  // The last two have a product that rounds up beyond the largest number.
  static const uint32_t corners[] = {0,          1,          0x7fffff,   0x800000,   0x3f800000,
                                     0x7f7fffff, 0x7f800000, 0x7fc00001, 0x5f800001, 0x5ffffffe};
  const uint32_t bits = random.word();
  const uint32_t sign = bits & 0x80000000;
  switch (random.below(8)) {
    case 0: return bits & (0xff800000 | ~0u << random.below(24));
    case 1: return bits | 0x7fffff >> random.below(24);
    case 2: return bits & 0x807fffff;
    case 3: return sign | corners[random.below(10)];
    default: return bits;
  }
}

inline void expectEqual(const char* result, uint32_t given, uint32_t expected,
                        const std::vector<uint32_t>& operands) {
  if (given == expected) return;
  std::printf("%s: 0x%08x, not 0x%08x, of", result, given, expected);
  for (const uint32_t operand : operands) std::printf(" 0x%08x", operand);
  std::printf("\n");
  std::exit(1);
}

/** Arguments: vectors, seed, latency. A Campaign has Vector, draw(random, i), drive(top, v), check(top, v). */
template <class Top, class Campaign> int run(int, char** arguments) {
  const long vectors = std::atol(arguments[1]);
  Random random{std::strtoull(arguments[2], nullptr, 10)};
  const long latency = std::atol(arguments[3]);
  std::vector<typename Campaign::Vector> flight(latency);
  Top top;
  top.clock = 0;
  top.eval();
  for (long i = 0; i < vectors + latency - 1; i++) {
    flight[i % latency] = Campaign::draw(random, i);
    Campaign::drive(top, flight[i % latency]);
    top.clock = 1;
    top.eval();
    if (i >= latency - 1) Campaign::check(top, flight[(i + 1) % latency]);
    top.clock = 0;
    top.eval();
  }
  std::printf("%ld vectors\n", vectors);
  return 0;
}
