// Disk that the journal gives up when the disk is full, so that what finishes something can go on
// (D6).
//
// Thread-safe. Private to journal/. Fault point: journal.reserve (taking it fails).
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <utility>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::journal {

class Reserve {
 public:
  Reserve(std::filesystem::path path, Bytes size) : path_(std::move(path)), size_(size) {}

  // Takes the disk space, if it is not taken. Errors: kNoSpace, kLocalDisk.
  Status take();
  // Gives it up; false when there was nothing to give.
  bool release() {
    return without([] {});
  }
  // Gives it up, and calls `write` before anybody can try to take it again: to fail to take it
  // fills the disk for a moment, too. False when there was nothing to give.
  template <class Write>
  bool without(Write&& write) {
    const std::lock_guard lock(mutex_);
    const bool was_held = empty();
    std::forward<Write>(write)();
    return was_held;
  }
  bool held() const { return held_; }

 private:
  Status fill() const;
  bool empty();

  const std::filesystem::path path_;
  const Bytes size_;
  std::mutex mutex_;  // of whoever changes the file
  std::atomic<bool> held_{false};
};

}  // namespace driveway::journal
