// One reader's way through a file. Private to ReadPattern.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "base/bytes.h"
#include "transfer/link_meter.h"

namespace driveway::vfs {

// What is present of a content, and so what is fetched, is counted in these.
using transfer::LinkSpeed;

inline constexpr Bytes kReadBlock = kMiB;
// What the kernel sends at once for one reader, in any order: its read-ahead is at most 4 MiB
// (measured.md: more gains nothing). Only what goes beyond it tells what the reader itself does.
inline constexpr Bytes kKernelBurst = 4 * kMiB;
// A GET costs 200 units of quota whatever its length, and a first byte: shorter ones do not pay.
inline constexpr Bytes kShortestGet = 8 * kMiB;
// Longer ones make the reader wait: they come in side by side, and it stands at the first. R3 has
// 64 MiB and more, which would need a window beyond the budget.
inline constexpr Bytes kLongestGet = 16 * kMiB;

inline Bytes block_floor(Bytes offset) { return offset / kReadBlock * kReadBlock; }
inline Bytes block_ceil(Bytes offset) { return block_floor(offset + kReadBlock - 1); }
// The blocks that hold `range`.
inline ByteRange blocks_of(ByteRange range) {
  const Bytes from = block_floor(range.offset);
  return {from, block_ceil(range.end()) - from};
}

// The number of GETs at once that `speed` asks for, whatever it holds.
Bytes streams_of(const LinkSpeed& speed);

// Reads that lie close enough together to be of one reader, who goes on in one direction: its
// position, its window (what should be on its way before it), and the GETs that were planned in it.
//
// A stream begins with one read and is a guess. It is *confirmed* once it was read on without a gap
// (or, with gaps, twice). The window of a confirmed one is 8 MiB, and doubles whenever the reader
// has come half as far, up to what keeps the link busy (R3): the GETs that come in, as many as the
// link asks for, and those whose first byte is waited for meanwhile. The window of a reader who
// takes large pieces from the start of the file is open at once.
//
// A GET is a quarter as long as its distance from the reader, 8–16 MiB. GETs of one length, asked
// together, end together: the reader stands at the first until all are here, then leaves the window
// behind, and nothing is on its way until the next first byte. Graded, they end one after the
// other. (A model of a link of 200 MB/s, 40 MB/s a connection, first byte 350 ms ± 30 %: 1 GiB
// comes in with 90 % of its rate where they go up to 32 MiB; with GETs of 16 MiB, growing to 48
// MiB, with 76 %. On a mount up to 16 MiB is best: docs/DESIGN.md.) Toward the end of the file they
// are shortened, so that all end together there.
//
// Going backward is going forward in a mirror: positions are kept along the direction of reading,
// and `along` turns them. All ranges are of whole blocks, up to `limit`. Not thread-safe.
class ReadStream {
 public:
  // `limit`: the end of the file, rounded up to a block. `hold`: how far it must be read on before
  // the window opens, where reads so far were scattered.
  ReadStream(ByteRange read, Bytes limit, Bytes hold);

  // How far the read is from where the next one is expected; none if it is not of this reader.
  std::optional<Bytes> distance(ByteRange read) const;
  // REQUIRES distance(read). Whether plan() may now say something new.
  bool take(ByteRange read);
  // Becomes one with a stream that began just before it, if `other` did.
  bool absorb(const ReadStream& other);
  // Brings window and plan up to date; the window is at most `most`.
  void plan(const LinkSpeed& speed, Bytes most);
  // The GET for a read that misses, where the stream knows it: if confirmed() or turning().
  ByteRange ask(ByteRange read) const;
  // `asked` is on its way for this reader: a part of region() from now on.
  void cover(ByteRange asked);
  // Gives up what is planned beyond the first `length` bytes of region().
  void shorten(Bytes length);
  // What should be here or on its way: from a little behind the reader up to the plan's end.
  ByteRange region() const;
  // What of region() is left of each planned GET, nearest to the reader first.
  template <typename Visitor>
  void each_get(const Visitor& visit) const {
    Bytes from = begin();
    for (std::size_t i = 0; i < count_; ++i) {
      if (ends_[i] <= from) continue;
      visit(along({from, ends_[i] - from}));
      from = ends_[i];
    }
  }

  bool confirmed() const { return confirmed_; }
  // Whether it was read downward of late.
  bool turning() const { return descents_ > 0; }
  bool backward() const { return backward_; }
  // How far it was read, gaps included.
  Bytes run() const { return head_ - start_; }
  Bytes lowest() const { return along({start_, run()}).offset; }

 private:
  // As many as the budget holds of the shortest.
  static constexpr std::size_t kMostGets = 32;

  // From the file to the direction of reading, and back.
  ByteRange along(ByteRange range) const {
    return backward_ ? ByteRange{limit_ - range.end(), range.length} : range;
  }
  void turn();
  bool in_bulk() const;
  void confirm_if_due();
  Bytes begin() const;  // of region(), along the direction
  Bytes planned() const { return count_ > 0 ? ends_[count_ - 1] : floor_; }
  Bytes next_length(Bytes streams) const;
  void append(Bytes end);
  void drop_done();

  Bytes limit_;
  Bytes hold_;
  bool backward_ = false;
  bool confirmed_ = false;
  int steps_ = 0;     // evidence that it is read on
  int descents_ = 0;  // reads below start_, one after the other
  Bytes start_;
  Bytes head_;           // behind the last byte that was read
  Bytes covered_;        // what was read of [start_, head_)
  Bytes floor_;          // where region() begins at the earliest
  Bytes next_plan_ = 0;  // at which head_ the plan must be looked at
  Bytes window_ = kShortestGet;
  std::array<Bytes, kMostGets> ends_{};  // of the planned GETs, growing
  std::size_t count_ = 0;                // of these
};

}  // namespace driveway::vfs
