// What `--quota auto` learned of Drive's limits, kept in a file from one start to the next.
//
// The file: {"version": 1, "counts_units": bool, "pace": number}. It is written, mode 0600 and
// whole or not at all, at most once a minute and at the end, and only when something else was
// learned. Losing it costs no more than learning again: a missing or damaged one is as good as
// none, and what goes wrong in writing is only logged.
#pragma once

#include <filesystem>
#include <thread>

#include "base/clock.h"
#include "base/context.h"
#include "drive/quota.h"

namespace driveway::drive {

// Runs a thread. `budget` and `clock` must outlive it.
class QuotaMemory {
 public:
  // The budget goes on with what `file` holds. Its folder is made when something is written.
  QuotaMemory(std::filesystem::path file, QuotaBudget& budget, Clock& clock);
  ~QuotaMemory();
  QuotaMemory(const QuotaMemory&) = delete;
  QuotaMemory& operator=(const QuotaMemory&) = delete;

 private:
  void save_if_changed();
  void run();

  const std::filesystem::path file_;
  QuotaBudget& budget_;
  Clock& clock_;
  CancelSource stop_;
  QuotaState kept_;  // the thread's, and the destructor's when it has ended
  std::thread thread_;
};

}  // namespace driveway::drive
