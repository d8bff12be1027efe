#include "base/interval_set.h"

#include <algorithm>
#include <iterator>

namespace driveway {

void IntervalSet::add(ByteRange range) {
  if (range.empty()) return;
  Bytes begin = range.offset;
  Bytes end = range.end();
  auto next = ends_.upper_bound(begin);
  if (next != ends_.begin() && std::prev(next)->second >= begin) {
    --next;
    begin = next->first;
  }
  while (next != ends_.end() && next->first <= end) {
    end = std::max(end, next->second);
    next = ends_.erase(next);
  }
  ends_.emplace_hint(next, begin, end);
}

void IntervalSet::subtract(ByteRange range) {
  if (range.empty()) return;
  auto next = ends_.upper_bound(range.offset);
  if (next != ends_.begin() && std::prev(next)->second > range.offset) --next;
  while (next != ends_.end() && next->first < range.end()) {
    const auto [begin, end] = *next;
    next = ends_.erase(next);
    if (begin < range.offset) ends_.emplace_hint(next, begin, range.offset);
    if (end > range.end()) ends_.emplace_hint(next, range.end(), end);
  }
}

bool IntervalSet::contains(ByteRange range) const {
  if (range.empty()) return true;
  const auto next = ends_.upper_bound(range.offset);
  return next != ends_.begin() && std::prev(next)->second >= range.end();
}

std::vector<ByteRange> IntervalSet::ranges() const {
  std::vector<ByteRange> all;
  all.reserve(ends_.size());
  for (const auto& [begin, end] : ends_) all.push_back({begin, end - begin});
  return all;
}

bool IntervalSet::intersects(ByteRange range) const {
  if (range.empty()) return false;
  const auto next = ends_.lower_bound(range.end());
  return next != ends_.begin() && std::prev(next)->second > range.offset;
}

std::vector<ByteRange> IntervalSet::parts(ByteRange range) const {
  std::vector<ByteRange> found;
  if (range.empty()) return found;
  auto next = ends_.upper_bound(range.offset);
  if (next != ends_.begin() && std::prev(next)->second > range.offset) --next;
  for (; next != ends_.end() && next->first < range.end(); ++next) {
    found.push_back(range.intersect({next->first, next->second - next->first}));
  }
  return found;
}

Bytes IntervalSet::total() const {
  Bytes sum = 0;
  for (const auto& [begin, end] : ends_) sum += end - begin;
  return sum;
}

std::vector<ByteRange> IntervalSet::gaps(ByteRange range) const {
  std::vector<ByteRange> found;
  Bytes at = range.offset;
  auto next = ends_.upper_bound(at);
  if (next != ends_.begin()) --next;
  for (; at < range.end() && next != ends_.end() && next->first < range.end(); ++next) {
    if (next->first > at) found.push_back({at, next->first - at});
    at = std::max(at, next->second);
  }
  if (at < range.end()) found.push_back({at, range.end() - at});
  return found;
}

}  // namespace driveway
