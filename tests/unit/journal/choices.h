// What a random test chooses, step by step: drawn from a seed and kept, so that a run that fails
// can be repeated without some of its steps, and so be shrunk to those that matter.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

namespace driveway::journal {

class Choices {
 public:
  using Step = std::vector<std::uint32_t>;
  using Script = std::vector<Step>;

  explicit Choices(std::uint32_t seed) : random_(seed), script_(1) {}
  // Repeats a script; what a step asks for beyond what it has, is 0.
  explicit Choices(Script script) : repeats_(true), script_(std::move(script)) {}

  // What follows are the choices of another step. The first one has begun.
  void begin_step() {
    ++step_;
    at_ = 0;
    if (script_.size() <= step_) script_.emplace_back();
  }
  std::uint32_t below(std::uint32_t bound) {
    Step& step = script_[step_];
    if (at_ == step.size()) step.push_back(repeats_ ? 0 : static_cast<std::uint32_t>(random_()));
    return step[at_++] % bound;
  }
  const Script& script() const { return script_; }

 private:
  std::mt19937 random_;
  bool repeats_ = false;
  Script script_;
  std::size_t step_ = 0;
  std::size_t at_ = 0;
};

// The script without the steps that it still fails without: ever smaller pieces are left out, and
// then choices are made 0. The first step and the last one stay (the setup, and the end).
inline Choices::Script shrink(Choices::Script script,
                              const std::function<bool(const Choices::Script&)>& fails) {
  bool smaller = true;
  while (smaller) {
    smaller = false;
    for (std::size_t piece = std::max<std::size_t>(script.size() / 2, 1);; piece /= 2) {
      for (std::size_t at = 1; at + 1 < script.size();) {
        const std::size_t end = std::min(at + piece, script.size() - 1);
        Choices::Script without(script);
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(at),
                      without.begin() + static_cast<std::ptrdiff_t>(end));
        if (fails(without)) {
          script = std::move(without);
          smaller = true;
        } else {
          at = end;
        }
      }
      if (piece == 1) break;
    }
  }
  for (std::size_t step = 0; step < script.size(); ++step) {
    for (std::size_t at = 0; at < script[step].size(); ++at) {
      Choices::Script plain(script);
      if (std::exchange(plain[step][at], 0) != 0 && fails(plain)) script = std::move(plain);
    }
  }
  return script;
}

}  // namespace driveway::journal
