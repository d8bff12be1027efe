#include "vfs/read_stream.h"

#include <algorithm>

namespace driveway::vfs {

namespace {

// A skip that costs less to fetch than the first byte of another GET.
constexpr Bytes kSkip = 4 * kMiB;
// Two bursts of the kernel under way: a request may come that late.
constexpr Bytes kLate = 2 * kKernelBurst;
// Read contiguously: what lies between is what the kernel had in its own cache.
constexpr Bytes kTouch = 128 * kKiB;
// A reader who takes this much from the very start wants the file, not its header.
constexpr Bytes kBulk = 256 * kKiB;
// One more than a burst of 1 MiB requests, delivered upside down, can have.
constexpr int kDescents = 4;

Bytes less(Bytes a, Bytes b) { return a > b ? a - b : 0; }

// What the link holds while a first byte is waited for, twice: the wait varies.
Bytes double_delay_product(const LinkSpeed& speed) {
  const double seconds = to_seconds(speed.first_byte);
  const double bytes = 2 * speed.total_rate * seconds;
  if (!(bytes > 0)) return 0;
  return block_ceil(static_cast<Bytes>(std::min(bytes, static_cast<double>(kGiB))));
}

}  // namespace

Bytes streams_of(const LinkSpeed& speed) {
  return static_cast<Bytes>(std::clamp(speed.streams, 1, 8));
}

ReadStream::ReadStream(ByteRange read, Bytes limit, Bytes hold)
    : limit_(limit),
      hold_(hold),
      start_(read.offset),
      head_(read.end()),
      covered_(read.length),
      floor_(block_floor(read.offset)) {
  confirm_if_due();
}

std::optional<Bytes> ReadStream::distance(ByteRange read) const {
  const ByteRange r = along(read);
  if (r.offset >= head_) {
    const Bytes gap = r.offset - head_;
    if (gap > std::max(kSkip, confirmed_ ? window_ / 4 : 0)) return std::nullopt;
    return gap;
  }
  const bool young = run() <= kKernelBurst || turning();
  const Bytes earliest = young ? less(start_, kKernelBurst) : less(head_, kLate);
  if (r.offset < earliest) return std::nullopt;
  return head_ - r.offset;
}

bool ReadStream::take(ByteRange read) {
  const ByteRange r = along(read);
  if (r.offset < start_) {
    covered_ += std::min(r.end(), start_) - r.offset;
    start_ = r.offset;
    floor_ = std::min(floor_, block_floor(start_));
    head_ = std::max(head_, r.end());
    if (++descents_ >= kDescents) turn();
    confirm_if_due();
    return true;
  }
  if (r.end() <= head_) return false;
  const Bytes gap = less(r.offset, head_);
  steps_ = std::min(2, steps_ + (gap <= kTouch ? 2 : 1));
  descents_ = 0;
  covered_ += r.end() - std::max(r.offset, head_);
  if (gap > kKernelBurst) floor_ = block_floor(r.offset);
  head_ = r.end();
  confirm_if_due();
  return head_ >= next_plan_;
}

bool ReadStream::in_bulk() const {
  return !backward_ && start_ == 0 && hold_ == 0 && covered_ >= kBulk && covered_ >= run() / 2;
}

void ReadStream::confirm_if_due() {
  if (confirmed_) return;
  confirmed_ = in_bulk() || (steps_ >= 2 && run() > hold_);
}

void ReadStream::turn() {
  const Bytes high = head_;
  backward_ = !backward_;
  head_ = limit_ - start_;
  start_ = limit_ - high;
  const Bytes asked = limit_ - floor_;
  floor_ = block_floor(start_);
  count_ = 0;
  append(asked);
  window_ = kShortestGet;
  next_plan_ = 0;
  descents_ = 0;
  confirmed_ = run() > hold_;
}

bool ReadStream::absorb(const ReadStream& other) {
  if (backward_ != other.backward_) return false;
  if (head_ < other.start_ || head_ > other.head_ || other.head_ - head_ > kLate) return false;
  covered_ += other.head_ - head_;
  head_ = other.head_;
  start_ = std::min(start_, other.start_);
  floor_ = std::min(floor_, other.floor_);
  append(other.planned());
  steps_ = 2;
  confirm_if_due();
  next_plan_ = 0;
  return true;
}

// REQUIRES planned() < limit_.
Bytes ReadStream::next_length(Bytes streams) const {
  const Bytes from = std::max(planned(), block_floor(head_));
  const Bytes rest = limit_ - from;
  Bytes length = std::min(less(from, head_) / 4, kLongestGet);
  // And a window holds two, so that one comes in while the other is waited for.
  length = std::min({length, rest / (2 * streams), window_ / 2});
  length = std::max(block_floor(length), kShortestGet);
  return rest <= length + length / 2 ? rest : length;
}

void ReadStream::plan(const LinkSpeed& speed, Bytes most) {
  if (!confirmed_) return;
  const Bytes streams = streams_of(speed);
  const Bytes waited_for = double_delay_product(speed);
  // The longest GETs, three of them to be graded in; of a link of which nothing is known yet, the
  // most is expected.
  const Bytes wanted = waited_for > 0 ? (streams + 3) * kLongestGet + waited_for : most;
  const Bytes target = std::min(wanted, most);
  if (in_bulk()) window_ = std::max(window_, target);
  while (window_ < target && run() > window_ / 2) window_ *= 2;
  window_ = std::min(window_, target);

  drop_done();
  while (planned() < limit_ && count_ < kMostGets) {
    const Bytes end = std::max(planned(), block_floor(head_)) + next_length(streams);
    const bool to_the_end = limit_ - head_ <= window_;
    if (!to_the_end && end > head_ + window_) break;
    append(end);
  }
  next_plan_ = block_floor(head_) + kReadBlock;
}

void ReadStream::append(Bytes end) {
  if (end <= planned()) return;
  if (count_ < kMostGets) ++count_;
  ends_[count_ - 1] = end;
}

void ReadStream::drop_done() {
  const auto first = ends_.begin();
  const auto last = first + static_cast<std::ptrdiff_t>(count_);
  const auto kept = std::upper_bound(first, last, begin());
  std::move(kept, last, first);
  count_ = static_cast<std::size_t>(last - kept);
}

ByteRange ReadStream::ask(ByteRange read) const {
  const ByteRange blocks = blocks_of(read);
  if (descents_ == 1) return blocks;  // late: what follows it is on its way
  const ByteRange r = along(blocks);
  if (descents_ > 1) {
    const Bytes from = std::min(r.offset, less(r.end(), kSkip));
    return along({from, r.end() - from});
  }
  // Short: it is the one that the reader stands at.
  const Bytes to = std::max(r.end(), std::min(r.offset + kShortestGet, limit_));
  return along({r.offset, to - r.offset});
}

void ReadStream::cover(ByteRange asked) {
  const ByteRange r = along(asked);
  floor_ = std::min(floor_, r.offset);
  append(r.end());
}

void ReadStream::shorten(Bytes length) {
  const Bytes end = begin() + block_floor(length);
  while (count_ > 0 && ends_[count_ - 1] > end) --count_;
  append(end);
}

Bytes ReadStream::begin() const {
  if (!confirmed_) return floor_;
  // In steps, so that it changes seldom.
  return std::max(floor_, less(head_, kKernelBurst) / kKernelBurst * kKernelBurst);
}

ByteRange ReadStream::region() const {
  const Bytes from = begin();
  return along({from, less(planned(), from)});
}

}  // namespace driveway::vfs
