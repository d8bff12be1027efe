// A FetchTarget in memory, with the semantics of a cached content: blocks, arrived or indexed.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/interval_set.h"
#include "transfer/fetcher.h"

namespace driveway::transfer {

class MemoryTarget final : public FetchTarget {
 public:
  MemoryTarget(drive::Item item, Bytes block)
      : item_(std::move(item)), block_(block), bytes_(item_.size.value_or(0), '\0') {}

  const drive::Item& item() const override { return item_; }
  bool has(ByteRange range) const override {
    const std::lock_guard lock(mutex_);
    return gaps(range).empty() && !hidden_.intersects(range);
  }
  std::vector<ByteRange> missing(ByteRange range) const override {
    const std::lock_guard lock(mutex_);
    std::vector<ByteRange> found;
    for (const Bytes block : gaps(range)) {
      const ByteRange whole = block_range(block);
      if (!found.empty() && found.back().end() == whole.offset) {
        found.back().length += whole.length;
      } else {
        found.push_back(whole);
      }
    }
    return found;
  }
  Status write(Bytes offset, std::span<const std::byte> data) override {
    const std::lock_guard lock(mutex_);
    if (write_error_) return *write_error_;
    std::memcpy(bytes_.data() + offset, data.data(), data.size());
    hidden_.add({offset, data.size()});
    for (Bytes at = offset; at < offset + data.size();) {
      const ByteRange part = block_range(at / block_).intersect({offset, data.size()});
      Bytes& end = arrived_[at / block_];
      if (part.offset <= at / block_ * block_ + end) {
        end = std::max(end, part.end() - at / block_ * block_);
      }
      at = part.end();
    }
    return {};
  }
  bool was_shown() const override { return shown_; }
  void expose(ByteRange range) override {
    shown_ = true;
    const std::lock_guard lock(mutex_);
    hidden_.subtract(range);
  }
  Status commit(ByteRange range) override {
    shown_ = true;
    const std::lock_guard lock(mutex_);
    hidden_.subtract(range);
    for (Bytes block = range.offset / block_; block * block_ < range.end(); ++block) {
      const ByteRange whole = block_range(block);
      const auto found = arrived_.find(block);
      if (!range.contains(whole) || found == arrived_.end() || found->second < whole.length) {
        continue;
      }
      arrived_.erase(found);
      indexed_.insert(block);
    }
    return {};
  }
  void discard(ByteRange range) override {
    const std::lock_guard lock(mutex_);
    hidden_.subtract(range);
    std::erase_if(arrived_, [&](const auto& entry) {
      return !block_range(entry.first).intersect(range).empty();
    });
  }

  void distrust() override { ++distrusted_; }
  void set_verified() override { verified_ = true; }
  void retire() override {
    const std::lock_guard lock(mutex_);
    write_error_ = Error{ErrorCode::kStale, "retired"};
  }

  // --- For tests.

  bool verified() const { return verified_; }
  int distrusted() const { return distrusted_; }

  std::string bytes(ByteRange range) const {
    const std::lock_guard lock(mutex_);
    return bytes_.substr(range.offset, range.length);
  }
  Bytes indexed_bytes() const {
    const std::lock_guard lock(mutex_);
    Bytes sum = 0;
    for (const Bytes block : indexed_) sum += block_range(block).length;
    return sum;
  }
  void fail_writes(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    write_error_ = std::move(error);
  }

 private:
  ByteRange block_range(Bytes block) const {
    return ByteRange{block * block_, block_}.intersect({0, bytes_.size()});
  }
  // Blocks of which something in `range` is not here.
  std::vector<Bytes> gaps(ByteRange range) const {
    std::vector<Bytes> blocks;
    range = range.intersect({0, bytes_.size()});
    if (range.empty()) return blocks;
    for (Bytes block = range.offset / block_; block * block_ < range.end(); ++block) {
      if (indexed_.contains(block)) continue;
      const ByteRange need = block_range(block).intersect(range);
      const auto found = arrived_.find(block);
      if (found == arrived_.end() || block * block_ + found->second < need.end()) {
        blocks.push_back(block);
      }
    }
    return blocks;
  }

  const drive::Item item_;
  const Bytes block_;
  mutable std::mutex mutex_;
  std::string bytes_;
  std::map<Bytes, Bytes> arrived_;  // block -> length of what arrived of it, from its begin
  std::set<Bytes> indexed_;
  IntervalSet hidden_;
  std::atomic<bool> verified_{false};
  std::atomic<bool> shown_{false};
  std::atomic<int> distrusted_{0};
  std::optional<Error> write_error_;
};

}  // namespace driveway::transfer
