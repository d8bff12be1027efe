#include "sim/net/faults.h"

namespace driveway::sim {
namespace {

// The finaliser of splitmix64: neighbouring numbers give unrelated results.
std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

std::size_t index(FaultKind kind) { return static_cast<std::size_t>(kind); }

bool applies(const FaultConfig& config, std::string_view path) {
  return path.starts_with(config.path_prefix);
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  static constexpr std::array<std::string_view, kFaultKinds> kNames = {
      "",      "error_5xx",   "error_429", "error_403_rate", "reset",       "truncate",
      "stall", "wrong_range", "flip",      "upload_reset",   "lost_answer", "dead",
      "refuse"};
  return kNames.at(index(kind));
}

double draw(std::uint64_t seed, std::uint64_t request, Draw purpose) {
  const std::uint64_t bits = mix(mix(mix(seed) ^ request) ^ static_cast<std::uint64_t>(purpose));
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

bool FaultInjector::within_budget(const FaultConfig& config) {
  if (config.budget < 0) return true;
  std::int64_t used = used_.load(std::memory_order_relaxed);
  while (used < config.budget) {
    if (used_.compare_exchange_weak(used, used + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

// One number decides between all kinds, so each has exactly its own probability.
template <std::size_t N>
FaultKind FaultInjector::choose(const FaultConfig& config, double number, std::string_view path,
                                const std::array<Chance, N>& chances) {
  if (!applies(config, path)) return FaultKind::kNone;
  double below = 0;
  for (const Chance& chance : chances) {
    below += chance.probability;
    if (number >= below) continue;
    if (!within_budget(config)) return FaultKind::kNone;
    counts_.at(index(chance.kind)).fetch_add(1, std::memory_order_relaxed);
    return chance.kind;
  }
  return FaultKind::kNone;
}

FaultKind FaultInjector::before_service(const FaultConfig& config, std::uint64_t seed,
                                        std::uint64_t request, std::string_view path) {
  return choose(config, draw(seed, request, Draw::kBefore), path,
                std::array{Chance{FaultKind::kError5xx, config.error_5xx},
                           Chance{FaultKind::kError429, config.error_429},
                           Chance{FaultKind::kError403, config.error_403_rate}});
}

FaultKind FaultInjector::media(const FaultConfig& config, std::uint64_t seed, std::uint64_t request,
                               std::string_view path) {
  return choose(config, draw(seed, request, Draw::kMedia), path,
                std::array{Chance{FaultKind::kReset, config.reset},
                           Chance{FaultKind::kTruncate, config.truncate},
                           Chance{FaultKind::kStall, config.stall},
                           Chance{FaultKind::kWrongRange, config.wrong_range},
                           Chance{FaultKind::kFlip, config.flip}});
}

bool FaultInjector::upload_reset(const FaultConfig& config, std::uint64_t seed,
                                 std::uint64_t request, std::string_view path) {
  return choose(config, draw(seed, request, Draw::kUpload), path,
                std::array{Chance{FaultKind::kUploadReset, config.upload_reset}}) !=
         FaultKind::kNone;
}

bool FaultInjector::lost_answer(const FaultConfig& config, std::uint64_t seed,
                                std::uint64_t request, std::string_view path) {
  return choose(config, draw(seed, request, Draw::kAnswer), path,
                std::array{Chance{FaultKind::kLostAnswer, config.lost_answer}}) != FaultKind::kNone;
}

FaultKind FaultInjector::state(const FaultConfig& config, std::string_view path) {
  if ((!config.dead && !config.refuse) || !applies(config, path)) return FaultKind::kNone;
  const FaultKind kind = config.refuse ? FaultKind::kRefuse : FaultKind::kDead;
  counts_.at(index(kind)).fetch_add(1, std::memory_order_relaxed);
  return kind;
}

std::uint64_t FaultInjector::next_turn(FaultKind kind) {
  return turns_.at(index(kind)).fetch_add(1, std::memory_order_relaxed);
}

std::uint64_t FaultInjector::count(FaultKind kind) const {
  return counts_.at(index(kind)).load(std::memory_order_relaxed);
}

void FaultInjector::reset_counts() {
  for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
}

}  // namespace driveway::sim
