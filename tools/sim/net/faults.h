// Which request suffers which fault: drawn by the seed, the request's number and the kind, so a run
// with the same requests in the same order has the same faults.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sim/config.h"

namespace driveway::sim {

enum class FaultKind : std::size_t {
  kNone,
  kError5xx,
  kError429,
  kError403,
  kReset,
  kTruncate,
  kStall,
  kWrongRange,
  kFlip,
  kUploadReset,
  kLostAnswer,
  kDead,
  kRefuse,
};
inline constexpr std::size_t kFaultKinds = 13;
// "error_5xx", …: the key of the configuration; "" for kNone.
std::string_view to_string(FaultKind kind);

// What is drawn: each purpose has its own random sequence.
enum class Draw : std::uint64_t {
  kLatency = 1,
  kBefore,
  kMedia,
  kUpload,
  kAnswer,
  kPosition,
};
// Uniform in [0, 1).
double draw(std::uint64_t seed, std::uint64_t request, Draw purpose);

// Thread-safe.
class FaultInjector {
 public:
  // Each gives the one fault of its kind that hits the request, and counts it; kNone mostly, and
  // always once the budget is used up or where path_prefix does not fit.
  FaultKind before_service(const FaultConfig& config, std::uint64_t seed, std::uint64_t request,
                           std::string_view path);
  FaultKind media(const FaultConfig& config, std::uint64_t seed, std::uint64_t request,
                  std::string_view path);
  bool upload_reset(const FaultConfig& config, std::uint64_t seed, std::uint64_t request,
                    std::string_view path);
  bool lost_answer(const FaultConfig& config, std::uint64_t seed, std::uint64_t request,
                   std::string_view path);
  // kDead, kRefuse: states that need no luck, and no budget.
  FaultKind state(const FaultConfig& config, std::string_view path);

  // Turn by turn through the variants of a kind: 500, 502, 503; 206 or 200 of wrong_range.
  std::uint64_t next_turn(FaultKind kind);

  std::uint64_t count(FaultKind kind) const;
  void reset_counts();
  // The budget begins anew: the configuration has changed.
  void renew_budget() { used_.store(0, std::memory_order_relaxed); }

 private:
  struct Chance {
    FaultKind kind;
    double probability;
  };
  template <std::size_t N>
  FaultKind choose(const FaultConfig& config, double number, std::string_view path,
                   const std::array<Chance, N>& chances);
  bool within_budget(const FaultConfig& config);

  std::array<std::atomic<std::uint64_t>, kFaultKinds> counts_{};
  std::array<std::atomic<std::uint64_t>, kFaultKinds> turns_{};
  std::atomic<std::int64_t> used_{0};
};

}  // namespace driveway::sim
