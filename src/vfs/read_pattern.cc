#include "vfs/read_pattern.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace driveway::vfs {

namespace {

constexpr Bytes kReadWhole = 8 * kMiB;
constexpr std::size_t kMaxStreams = 8;
// The global budget of bytes in flight (design), and what of it windows may take.
constexpr Bytes kBudget = 256 * kMiB;
constexpr Bytes kWindows = 240 * kMiB;
constexpr Bytes kStrideBudget = 64 * kMiB;
// A glance elsewhere reads less than this; and it counts as this much at least.
constexpr Bytes kPatience = kMiB;
constexpr Bytes kMostPatience = 64 * kMiB;
constexpr Bytes kJumpCost = 128 * kKiB;
// Until then the edges of a container are to be kept on their way.
constexpr Bytes kEdgesMatter = 16 * kMiB;
constexpr Bytes kLongRun = 16 * kMiB;
constexpr int kRandomJumps = 4;
// R3: a stream begins with 16 MiB.
constexpr Bytes kFirstAsk = 16 * kMiB;
constexpr Bytes kPiece = 8 * kMiB;
constexpr Bytes kSmallPiece = 4 * kMiB;
// Offsets are kept far enough from the type's end for sums of two.
constexpr Bytes kLargestFile = Bytes{1} << 61;

// What one connection brings while a first byte is waited for; none where that is not known.
std::optional<Bytes> delay_product(const LinkSpeed& speed) {
  const double seconds = to_seconds(speed.first_byte);
  const double bytes = speed.connection_rate * seconds;
  if (!(bytes > 0)) return std::nullopt;
  return static_cast<Bytes>(std::min(bytes, static_cast<double>(kGiB)));
}

}  // namespace

ReadPattern::ReadPattern(Bytes size, Container container)
    : size_(std::min(size, kLargestFile)), limit_(block_ceil(size_)), container_(container) {}

ByteRange ReadPattern::cut(ByteRange range) const {
  const Bytes from = std::min(range.offset, size_);
  return {from, std::min(range.length, size_ - from)};
}

const Advice& ReadPattern::on_read(ByteRange read, bool hit, const LinkSpeed& speed) {
  read = cut(read);
  if (size_ <= kReadWhole) {
    advice_.ask = {0, size_};
    return advice_;
  }
  if (read.empty()) {
    advice_.ask = read;
    return advice_;
  }
  advice_.ask = cut(blocks_of(read));
  const bool known = find(read);
  bool changed = true;
  if (known) {
    changed = go_on(read);
  } else {
    jump(read);
  }
  if (changed) plan(speed);
  if (!hit) ask(read, !known, speed);
  if (changed || !hit || activity_ >= next_check_) collect(speed);
  return advice_;
}

// Sets current_ to the stream that the read belongs to.
bool ReadPattern::find(ByteRange read) {
  std::optional<Bytes> nearest;
  for (std::size_t k = 0; k < slots_.size(); ++k) {
    const std::size_t i = (current_ + k) % slots_.size();
    if (slots_[i].vacant) continue;
    const auto distance = slots_[i].stream.distance(read);
    if (!distance || (nearest && *nearest <= *distance)) continue;
    nearest = distance;
    current_ = i;
    if (*nearest == 0) break;
  }
  return nearest.has_value();
}

bool ReadPattern::go_on(ByteRange read) {
  Slot& slot = slots_[current_];
  const Bytes away = activity_ - slot.active_at;
  const bool was_live = away <= slot.patience;
  // It takes turns with others: wait for it longer next time.
  if (away > 0 && away <= kMostPatience) {
    slot.patience = std::max(slot.patience, std::min(2 * away, kMostPatience));
  }
  activity_ += read.length;
  slot.active_at = activity_;
  const Bytes before = slot.stream.lowest();
  const bool changed = slot.stream.take(read);
  if (current_ == newest_) {
    if (slot.stream.lowest() < before) stride_.amend(slot.stream.lowest());
    if (slot.stream.run() <= 2 * stride_.length() + kPatience) stride_at_ = activity_;
  }
  return changed || !was_live;
}

void ReadPattern::jump(ByteRange read) {
  const bool first = slots_.empty();
  activity_ += std::max(read.length, kJumpCost);
  if (first) {
    const ContainerEdges edges = edges_of(container_, size_);
    const Bytes tail = block_floor(size_ - edges.tail);
    tail_first_ = edges.tail > 0 && read.offset >= tail;
    if (edges.tail > 0) edges_[0] = cut({tail, limit_ - tail});
    const bool only_tail =
        tail_first_ && (container_ == Container::kZip || container_ == Container::kParquet);
    if (!only_tail) edges_[1] = {0, edges.head};
  } else {
    ++jumps_;
  }
  if (stride_.jump(read.offset, first ? 0 : slots_[newest_].stream.run()) || !stride_.active()) {
    stride_at_ = activity_;
  }
  Bytes hold = jumps_ >= kRandomJumps ? kKernelBurst : 0;
  if (stride_.active()) hold = std::max(2 * stride_.length(), kKernelBurst);
  const Slot slot{.stream = {read, limit_, hold}, .active_at = activity_, .patience = kPatience};
  current_ = newest_ = slot_to_replace();
  if (current_ == slots_.size()) {
    slots_.push_back(slot);
  } else {
    slots_[current_] = slot;
  }
}

// One that nobody reads any more, else a new one, else the guess or stream that was read longest
// ago.
std::size_t ReadPattern::slot_to_replace() const {
  const auto rank = [this](const Slot& slot) {
    if (slot.vacant) return 0;
    if (!live(slot)) return 1;
    return slot.stream.confirmed() ? 3 : 2;
  };
  if (slots_.size() < kMaxStreams) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].vacant) return i;
    }
    return slots_.size();
  }
  std::size_t best = 0;
  for (std::size_t i = 1; i < slots_.size(); ++i) {
    const int a = rank(slots_[i]);
    const int b = rank(slots_[best]);
    if (a < b || (a == b && slots_[i].active_at < slots_[best].active_at)) best = i;
  }
  return best;
}

void ReadPattern::plan(const LinkSpeed& speed) {
  Slot& slot = slots_[current_];
  Bytes readers = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (i != current_ && !slots_[i].vacant && slot.stream.absorb(slots_[i].stream)) {
      slots_[i].vacant = true;
      if (newest_ == i) newest_ = current_;
    }
    if (live(slots_[i]) && slots_[i].stream.confirmed()) ++readers;
  }
  slot.stream.plan(speed, block_floor(kWindows / std::max<Bytes>(readers, 1)));
  if (!slot.settled && slot.stream.run() >= kLongRun) {
    slot.settled = true;
    jumps_ = 0;
    misses_ = 0;
    missed_ = 0;
  }
}

void ReadPattern::ask(ByteRange read, bool jumped, const LinkSpeed& speed) {
  ReadStream& stream = slots_[current_].stream;
  const bool knows = stream.confirmed() || stream.turning();
  const ByteRange asked = knows ? stream.ask(read) : ask_of_guess(read, speed);
  stream.cover(asked);
  advice_.ask = cut(asked);
  if (jumped) count_miss(read);
}

// The GET for a read of which nobody knows where it leads.
ByteRange ReadPattern::ask_of_guess(ByteRange read, const LinkSpeed& speed) {
  const ByteRange blocks = blocks_of(read);
  if (stride_.active()) {
    return blocks_of({read.offset, std::max(read.length, stride_.length())}).intersect({0, limit_});
  }
  const bool first = slots_.size() == 1;
  if (first && tail_first_ && edges_[0].contains(read)) {
    return {block_floor(edges_[0].offset), limit_ - edges_[0].offset};
  }
  const auto product = delay_product(speed);
  Bytes from = blocks.offset;
  Bytes length = kPiece;
  if (first) {
    length = block_floor(std::clamp(product.value_or(kFirstAsk), kShortestGet, kFirstAsk));
  } else if (jumps_ >= kRandomJumps) {
    length = product && *product < kSmallPiece ? kSmallPiece : kPiece;
    from = from / length * length;
  }
  const Bytes to = std::max(blocks.end(), std::min(from + length, limit_));
  return {from, to - from};
}

void ReadPattern::count_miss(ByteRange read) {
  const bool first = slots_.size() == 1;
  const bool at_edge = edges_[0].contains(read) || edges_[1].contains(read);
  if (first || at_edge || stride_.active()) return;
  ++misses_;
  missed_ += advice_.ask.length;
  const bool enough =
      misses_ > static_cast<int>(kMaxStreams) || (misses_ >= 3 && missed_ >= size_ / 8);
  if (enough && !advice_.whole) {
    advice_.whole = true;
    ++advice_.version;
  }
}

// Where all regions would be more than may be in flight, the longest give way. They stay shortened,
// so that nothing is dropped and asked again by turns.
void ReadPattern::share_out() {
  Bytes total = 0;
  for (const Slot& slot : slots_) total += live(slot) ? slot.stream.region().length : 0;
  if (total <= kBudget) return;
  // What the short ones leave of the budget is for the long ones, in equal parts.
  Bytes share = 0;
  for (std::size_t round = 0; round < kMaxStreams; ++round) {
    Bytes left = kBudget;
    Bytes sharers = 0;
    for (const Slot& slot : slots_) {
      if (!live(slot)) continue;
      const Bytes length = slot.stream.region().length;
      if (length > share) ++sharers;
      if (length <= share) left -= length;
    }
    if (sharers == 0) break;
    const Bytes next = block_floor(left / sharers);
    if (next <= share) break;
    share = next;
  }
  for (Slot& slot : slots_) {
    if (live(slot) && slot.stream.region().length > share) slot.stream.shorten(share);
  }
}

void ReadPattern::collect(const LinkSpeed& speed) {
  share_out();
  regions_.clear();
  next_check_ = std::numeric_limits<Bytes>::max();
  Bytes room = kBudget;
  collect(slots_[current_], room);
  if (activity_ - stride_at_ > kPatience) stride_.reset();
  if (stride_.active()) collect_stride(speed, room);
  if (activity_ < kEdgesMatter) {
    for (const ByteRange& edge : edges_) add({edge, kShortestGet, false}, room);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (i == current_ || !live(slots_[i])) continue;
    collect(slots_[i], room);
    next_check_ = std::min(next_check_, slots_[i].active_at + slots_[i].patience + 1);
  }
  if (regions_ == advice_.regions) return;
  regions_.swap(advice_.regions);
  ++advice_.version;
}

void ReadPattern::collect(const Slot& slot, Bytes& room) {
  slot.stream.each_get([&](ByteRange get) {
    add({get, get.length, slot.stream.backward()}, room);
  });
}

void ReadPattern::collect_stride(const LinkSpeed& speed, Bytes& room) {
  next_check_ = std::min(next_check_, stride_at_ + kPatience + 1);
  const int count = static_cast<int>(2 * streams_of(speed));
  Bytes stride_room = std::min(kStrideBudget, room);
  const Bytes before = stride_room;
  for (int i = 1; i <= count; ++i) {
    const ByteRange place = cut(stride_.place(i));
    if (place.empty()) break;
    const ByteRange blocks = blocks_of(place);
    add({blocks, blocks.length, false}, stride_room);
  }
  room -= before - stride_room;
}

// Adds what of the region no other has, as far as there is room for it.
void ReadPattern::add(Advice::Region region, Bytes& room) {
  const std::size_t others = regions_.size();
  const Bytes end = region.range.end();
  Bytes from = region.range.offset;
  while (from < end && room >= kReadBlock) {
    Bytes to = end;
    bool taken = false;
    for (std::size_t i = 0; i < others; ++i) {
      const ByteRange& other = regions_[i].range;
      if (other.offset <= from && from < other.end()) {
        from = block_ceil(other.end());
        taken = true;
        break;
      }
      if (other.offset > from) to = std::min(to, other.offset);
    }
    if (taken) continue;
    const Bytes length = std::min(to - from, block_floor(room));
    const ByteRange piece = cut({from, length});
    if (piece.empty()) return;
    regions_.push_back({piece, region.chunk, region.backward});
    room -= length;
    from = to;
  }
  if (region.backward) {
    std::reverse(regions_.begin() + static_cast<std::ptrdiff_t>(others), regions_.end());
  }
}

}  // namespace driveway::vfs
