// Runs programs on the Verilated core beside the ideal memory, and compares with what the simulator
// recorded: the cycle in which each instruction starts and completes, a digest of the bytes it wrote, the
// total, and what the host reads. Reads a script (see verify/script.ts), prints one JSON object.
//
//   bench SCRIPT [--jitter SEED] [--wave FILE [--from CYCLE]]
//
// With --jitter the memory answers late and the instruction stream pauses, at random; then only results
// are compared, not cycles.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <vector>
#include "Vjade_core.h"
#include "verilated_syms.h"
#include "chip.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

namespace {

constexpr int QUEUES = 4;
constexpr int INSTRUCTION_WORDS = 24;
// Cycles from `end` until the last write is in its bank, by queue; no later, for the next may write there.
constexpr int LANDING_CYCLES[QUEUES] = {1, 1, 2, 0};
constexpr int LAST_LANDING_CYCLES = 2;
constexpr uint64_t IN_MEMORY = 1ull << 63;
constexpr uint64_t STUCK_CYCLES = 2000000;

struct Range { uint64_t address; uint32_t bytes; };
struct Expected { uint32_t queue, start, end, digest; std::vector<Range> writes; };
struct Options { const char* script = nullptr; const char* wave = nullptr; uint64_t from = 0; bool jitter = false; uint32_t seed = 0; };

// The script, read a word at a time.
class Script {
 public:
  explicit Script(const char* path) : file_(std::fopen(path, "rb")) {
    if (file_ == nullptr) { std::fprintf(stderr, "the script must be readable: %s\n", path); std::exit(2); }
  }
  ~Script() { std::fclose(file_); }
  bool next(uint32_t& word) { return std::fread(&word, 4, 1, file_) == 1; }
  uint32_t word() {
    uint32_t value;
    if (!next(value)) { std::fprintf(stderr, "the script must not end inside a record\n"); std::exit(2); }
    return value;
  }
  uint64_t longWord() { const uint64_t low = word(); return low | (uint64_t(word()) << 32); }
  void bytes(uint8_t* to, size_t count) {
    if (std::fread(to, 1, count, file_) != count) { std::fprintf(stderr, "the script must not end inside a record\n"); std::exit(2); }
  }
 private:
  std::FILE* file_;
};

// The bytes of the local memories, found by the names of the banks' halves: lanes of 64 bits.
class LocalMemory {
 public:
  LocalMemory() {
    for (const Region& region : REGIONS)
      for (uint32_t bank = 0; bank < region.banks; bank++)
        for (const char* half : {"even", "odd"})
          for (uint32_t lane = 0; lane < WORD_BYTES / 8; lane++) lanes_.push_back(find(region, bank, half, lane));
  }

  uint8_t byte(uint64_t address) const {
    size_t first = 0;
    for (const Region& region : REGIONS) {
      const uint64_t size = uint64_t(region.banks) * region.lines * 2 * WORD_BYTES;
      if (address < region.start + size) return at(first, region, address - region.start);
      first += size_t(region.banks) * 2 * (WORD_BYTES / 8);
    }
    std::fprintf(stderr, "a local address must be on the chip, not %llu\n", (unsigned long long)address);
    std::exit(2);
  }

 private:
  uint8_t at(size_t first, const Region& region, uint64_t offset) const {
    const uint64_t word = offset / WORD_BYTES, line = word / 2, place = offset % WORD_BYTES;
    const size_t half = (line / region.lines) * 2 + word % 2;
    const uint8_t* lane = lanes_[first + half * (WORD_BYTES / 8) + place / 8];
    return lane[(line % region.lines) * 8 + place % 8];
  }

  static const uint8_t* find(const Region& region, uint32_t bank, const char* half, uint32_t lane) {
    char scope[256];
    char name[64];
    std::snprintf(name, sizeof name, region.banks == 1 ? "%s" : "%s%u", region.bank, bank);
    std::snprintf(scope, sizeof scope, "TOP.jade_core.local_memory.%s.%s_lane[%u]", name, half, lane);
    const VerilatedScope* const found = Verilated::threadContextp()->scopeFind(scope);
    const VerilatedVar* const variable = found == nullptr ? nullptr : found->varFind(half);
    if (variable == nullptr) { std::fprintf(stderr, "the design must have %s.%s\n", scope, half); std::exit(2); }
    return static_cast<const uint8_t*>(variable->datap());
  }

  std::vector<const uint8_t*> lanes_;
};

uint32_t digest(uint32_t hash, uint8_t byte) { return (hash ^ byte) * 0x01000193u; }

// The memory beside the chip: in order, fixed latency, one beat a cycle.
class Memory {
 public:
  Memory(bool jitter, uint32_t seed) : jitter_(jitter), random_(seed) {}
  std::vector<uint8_t> bytes;

  // Before the edge of cycle `now`: what the chip sees in it.
  void drive(Vjade_core& core, uint64_t now) {
    commandReady_ = !(jitter_ && chance(4));
    core.command_ready = commandReady_;
    driveRead(core, now);
    writeReady_ = !writes_.empty() && now >= writes_.front().from && !(jitter_ && chance(4));
    core.write_ready = writeReady_;
    core.write_done = writeReady_ && writes_.front().beats == 1;
  }

  // With the chip's answers settled: takes commands and beats.
  void sample(Vjade_core& core, uint64_t now) {
    if (writeReady_) takeBeat(core);
    if (core.command_valid && commandReady_) takeCommand(core, now);
    if (reading_) reads_.front().beats--, reads_.front().address += BYTES_PER_CYCLE;
    if (reading_ && reads_.front().beats == 0) reads_.pop_front();
  }

  bool underrun() const { return underrun_; }

 private:
  struct Transfer { uint64_t from, address; uint32_t beats, bytes; };

  void driveRead(Vjade_core& core, uint64_t now) {
    const bool due = !reads_.empty() && now >= reads_.front().from && !(jitter_ && chance(4));
    reading_ = due;
    core.read_valid = due;
    if (!due) return;
    uint8_t beat[BYTES_PER_CYCLE];
    for (uint32_t i = 0; i < BYTES_PER_CYCLE; i++) {
      const uint64_t at = reads_.front().address + i;
      beat[i] = at < bytes.size() ? bytes[at] : 0;
    }
    std::memcpy(&core.read_data, beat, BYTES_PER_CYCLE);
  }

  void takeCommand(Vjade_core& core, uint64_t now) {
    const uint32_t count = core.command_bytes;
    const uint32_t beats = ((count > BURST_BYTES ? count : BURST_BYTES) + BYTES_PER_CYCLE - 1) / BYTES_PER_CYCLE;
    const uint64_t lead = core.command_write ? STORE_LEAD_CYCLES : LATENCY_CYCLES;
    const uint64_t late = jitter_ ? random_() % 50 : 0;
    uint64_t from = now + lead + late;
    if (from < channelFree_) from = channelFree_;
    channelFree_ = from + beats;
    (core.command_write ? writes_ : reads_).push_back({from, uint64_t(core.command_address), beats, count});
  }

  void takeBeat(Vjade_core& core) {
    Transfer& row = writes_.front();
    if (row.bytes > 0) {
      if (!core.write_valid) { underrun_ = true; return; }
      uint8_t beat[BYTES_PER_CYCLE];
      std::memcpy(beat, &core.write_data, BYTES_PER_CYCLE);
      const uint32_t count = row.bytes < BYTES_PER_CYCLE ? row.bytes : BYTES_PER_CYCLE;
      for (uint32_t i = 0; i < count; i++) bytes.at(row.address + i) = beat[i];
      row.address += count;
      row.bytes -= count;
    }
    if (--row.beats == 0) writes_.pop_front();
  }

  bool chance(uint32_t n) { return random_() % n == 0; }

  bool jitter_;
  std::mt19937 random_;
  std::deque<Transfer> reads_, writes_;
  uint64_t channelFree_ = 0;
  bool commandReady_ = true, writeReady_ = false, reading_ = false, underrun_ = false;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options), memory_(options.jitter, options.seed), random_(options.seed + 1) {
#if VM_TRACE
    Verilated::traceEverOn(true);
    if (options.wave != nullptr) { core_.trace(&wave_, 99); wave_.open(options.wave); }
#endif
    core_.reset = 1;
    core_.valid = 0;
    core_.position_write = 0;
    core_.clear_fault = 0;
    for (int i = 0; i < 4; i++) tick();
    core_.reset = 0;
    tick();
  }

  int play() {
    Script script(options_.script);
    uint32_t kind;
    while (!failed_ && script.next(kind)) record(script, kind);
    core_.final();
    std::printf("{\"programs\":%u,\"instructions\":%llu,\"cycles\":%llu,\"differences\":[%s]}\n", programs_,
                (unsigned long long)instructions_, (unsigned long long)cycles_, difference_.c_str());
    return failed_ ? 1 : 0;
  }

 private:
  void record(Script& script, uint32_t kind) {
    switch (kind) {
      case 1: memory_.bytes.assign(script.longWord(), 0); break;
      case 2: { const uint64_t at = script.longWord(); const uint64_t count = script.longWord(); script.bytes(&memory_.bytes.at(at), count); break; }
      case 3: { const uint32_t index = script.word(); writePosition(index, script.word()); break; }
      case 4: loadProgram(script); break;
      case 5: run(script); break;
      case 6: checkMemory(script); break;
      default: std::fprintf(stderr, "a record must be of kind 1 to 6, not %u\n", kind); std::exit(2);
    }
  }

  void writePosition(uint32_t index, uint32_t value) {
    core_.position_write = 1;
    core_.position_index = index;
    core_.position_data = value;
    tick();
    core_.position_write = 0;
  }

  void loadProgram(Script& script) {
    const uint32_t id = script.word();
    const uint32_t count = script.word();
    if (programsById_.size() <= id) programsById_.resize(id + 1);
    programsById_[id].resize(size_t(count) * INSTRUCTION_WORDS);
    script.bytes(reinterpret_cast<uint8_t*>(programsById_[id].data()), programsById_[id].size() * 4);
  }

  void readExpected(Script& script, uint32_t count) {
    expected_.assign(count, {});
    for (auto& order : order_) order.clear();
    for (uint32_t i = 0; i < count; i++) {
      Expected& e = expected_[i];
      e.queue = script.word();
      e.start = script.word();
      e.end = script.word();
      e.digest = script.word();
      e.writes.resize(script.word());
      for (Range& range : e.writes) { range.address = script.longWord(); range.bytes = script.word(); }
      order_[e.queue].push_back(i);
    }
  }

  void run(Script& script) {
    const std::vector<uint32_t>& words = programsById_.at(script.word());
    const uint32_t total = script.word();
    const uint32_t fault = script.word();
    const uint32_t count = uint32_t(words.size() / INSTRUCTION_WORDS);
    readExpected(script, count);
    for (int q = 0; q < QUEUES; q++) started_[q] = retired_[q] = 0;
    core_.clear_fault = 1;
    tick();
    core_.clear_fault = 0;
    const uint64_t begin = now_;
    uint32_t fed = 0, done = 0;
    uint64_t last = 0;
    while (done < count && !failed_) {
      const bool offer = fed < count && !(options_.jitter && random_() % 3 == 0);
      core_.valid = offer;
      if (offer) std::memcpy(&core_.instruction, &words[size_t(fed) * INSTRUCTION_WORDS], INSTRUCTION_WORDS * 4);
      settle();
      if (offer && core_.ready) fed++;
      const uint64_t cycle = now_ - begin;
      observeStarts(cycle);
      done += observeRetires(cycle, last);
      checkDigests(false);
      if (memory_.underrun()) fail("store", -1, cycle, "data in its cycle", "none");
      if (cycle > last + STUCK_CYCLES) fail("end", -1, cycle, "progress", "none for 2000000 cycles");
      edge();
    }
    core_.valid = 0;
    for (int i = 0; i < LAST_LANDING_CYCLES + 1; i++) { tick(); checkDigests(false); }
    checkDigests(true);
    if (!failed_ && !options_.jitter && last != total) fail("cycles", -1, last, number(total), number(last));
    if (!failed_ && core_.fault != fault) fail("fault", -1, last, number(fault), number(core_.fault));
    programs_++;
    instructions_ += count;
    cycles_ += last;
  }

  bool starts(int q) const {
    return (q == 0 ? core_.load_start : q == 1 ? core_.matrix_start : q == 2 ? core_.vector_start : core_.store_start) != 0;
  }

  bool retires(int q) const {
    return (q == 0 ? core_.load_retire : q == 1 ? core_.matrix_retire : q == 2 ? core_.vector_retire : core_.store_retire) != 0;
  }

  void observeStarts(uint64_t cycle) {
    for (int q = 0; q < QUEUES; q++) {
      if (!starts(q)) continue;
      if (started_[q] >= order_[q].size()) { fail("start", -1, cycle, "no more instructions", "one more"); return; }
      const uint32_t i = order_[q][started_[q]++];
      if (!options_.jitter && expected_[i].start != cycle) fail("start", i, cycle, number(expected_[i].start), number(cycle));
    }
  }

  uint32_t observeRetires(uint64_t cycle, uint64_t& last) {
    uint32_t count = 0;
    for (int q = 0; q < QUEUES; q++) {
      if (!retires(q)) continue;
      if (retired_[q] >= order_[q].size()) { fail("end", -1, cycle, "no more instructions", "one more"); return count; }
      const uint32_t i = order_[q][retired_[q]++];
      if (!options_.jitter && expected_[i].end != cycle) fail("end", i, cycle, number(expected_[i].end), number(cycle));
      pending_.push_back({now_ + LANDING_CYCLES[q], i});
      last = cycle;
      count++;
    }
    return count;
  }

  void checkDigests(bool all) {
    for (size_t k = 0; k < pending_.size() && !failed_;) {
      if (!all && pending_[k].at > now_) { k++; continue; }
      const uint32_t i = pending_[k].instruction;
      pending_.erase(pending_.begin() + long(k));
      uint32_t hash = 0x811c9dc5u;
      for (const Range& range : expected_[i].writes) {
        const uint64_t at = range.address & ~IN_MEMORY;
        for (uint32_t b = 0; b < range.bytes; b++)
          hash = digest(hash, (range.address & IN_MEMORY) ? memory_.bytes.at(at + b) : local_.byte(at + b));
      }
      if (hash != expected_[i].digest) { dump(i); fail("values", i, now_, hex(expected_[i].digest), hex(hash)); }
    }
  }

  // What the instruction left, for people: its first bytes.
  void dump(uint32_t i) {
    for (const Range& range : expected_[i].writes) {
      if (written_.size() > 400) return;
      const uint64_t at = range.address & ~IN_MEMORY;
      for (uint32_t b = 0; b < range.bytes && written_.size() <= 400; b++) {
        char text[4];
        std::snprintf(text, sizeof text, "%02x", (range.address & IN_MEMORY) ? memory_.bytes.at(at + b) : local_.byte(at + b));
        written_ += text;
      }
    }
  }

  void checkMemory(Script& script) {
    const uint64_t at = script.longWord();
    const uint64_t count = script.longWord();
    const uint32_t want = script.word();
    uint32_t hash = 0x811c9dc5u;
    for (uint64_t i = 0; i < count; i++) hash = digest(hash, memory_.bytes.at(at + i));
    if (hash != want) fail("memory", -1, now_, hex(want), hex(hash));
  }

  void fail(const char* what, int64_t instruction, uint64_t cycle, const std::string& want, const std::string& got) {
    if (failed_) return;
    failed_ = true;
    char text[1024];
    std::snprintf(text, sizeof text,
                  "{\"what\":\"%s\",\"run\":%u,\"instruction\":%lld,\"cycle\":%llu,\"now\":%llu,\"expected\":\"%s\",\"found\":\"%s\",\"written\":\"%s\"}",
                  what, programs_, (long long)instruction, (unsigned long long)cycle, (unsigned long long)now_, want.c_str(), got.c_str(), written_.c_str());
    difference_ = text;
  }

  static std::string number(uint64_t value) { return std::to_string(value); }
  static std::string hex(uint32_t value) { char text[16]; std::snprintf(text, sizeof text, "%08x", value); return text; }

  // A cycle: inputs, settle, look, edge.
  void settle() { memory_.drive(core_, now_); core_.clock = 0; core_.eval(); wave(0); }
  void edge() { memory_.sample(core_, now_); core_.clock = 1; core_.eval(); wave(5); now_++; }
  void tick() { settle(); edge(); }
  void wave(int offset) {
#if VM_TRACE
    if (options_.wave != nullptr && now_ >= options_.from) wave_.dump(now_ * 10 + offset);
#else
    (void)offset;
#endif
  }

  struct Pending { uint64_t at; uint32_t instruction; };

  Options options_;
  Vjade_core core_;
  LocalMemory local_;
  Memory memory_;
  std::mt19937 random_;
#if VM_TRACE
  VerilatedFstC wave_;
#endif
  std::vector<std::vector<uint32_t>> programsById_;
  std::vector<Expected> expected_;
  std::vector<uint32_t> order_[QUEUES];
  size_t started_[QUEUES] = {}, retired_[QUEUES] = {};
  std::deque<Pending> pending_;
  uint64_t now_ = 0, instructions_ = 0, cycles_ = 0;
  uint32_t programs_ = 0;
  bool failed_ = false;
  std::string difference_, written_;
};

Options parse(int count, char** arguments) {
  Options options;
  for (int i = 1; i < count; i++) {
    const std::string name = arguments[i];
    const bool hasValue = i + 1 < count;
    if (name == "--jitter" && hasValue) { options.jitter = true; options.seed = uint32_t(std::atoll(arguments[++i])); }
    else if (name == "--wave" && hasValue) options.wave = arguments[++i];
    else if (name == "--from" && hasValue) options.from = uint64_t(std::atoll(arguments[++i]));
    else options.script = arguments[i];
  }
  if (options.script == nullptr) { std::fprintf(stderr, "usage: bench SCRIPT [--jitter SEED] [--wave FILE [--from CYCLE]]\n"); std::exit(2); }
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  Bench bench(parse(count, arguments));
  return bench.play();
}
