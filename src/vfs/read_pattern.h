// Read-ahead policy: what should be on its way, from the reads of one open handle.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "transfer/link_meter.h"
#include "vfs/container.h"
#include "vfs/read_stream.h"
#include "vfs/stride.h"

namespace driveway::vfs {

// What to do about a read. All ranges lie within the file and are of whole 1 MiB blocks (the last
// block of the file is cut).
struct Advice {
  struct Region {
    ByteRange range;
    Bytes chunk = 0;        // the length of a GET: the whole region
    bool backward = false;  // to be filled from its end
    friend bool operator==(const Region&, const Region&) = default;
  };
  // Where the read misses: one GET of this. It contains the read, cut to the file. Empty for a read
  // of nothing.
  ByteRange ask;
  // What should be here or on its way, nearest to a reader first: disjoint, 256 MiB at most. Gaps
  // of it are to be filled in GETs of about `chunk`; what is on its way and lies in no region any
  // more is to be dropped (seek-away), unless a reader waits for it. What was asked stays in a
  // region for as long as its reader may come back.
  std::vector<Region> regions;
  // Reads miss here and there: the rest of the file is worth fetching in the background, if there
  // is room. Once true, it stays so.
  bool whole = false;
  // Another number means that `regions` or `whole` may differ from the call before.
  std::uint64_t version = 0;
};

// Follows up to 8 streams of one handle (ReadStream), strides (Stride), and what is neither:
//
//  * A file up to 8 MiB is asked whole.
//  * The first read asks what comes in while another first byte would be waited for, 8–16 MiB; it
//  is
//    dropped when the reader turns out to have wanted a header. Of a container above 8 MiB, the
//    edges that its reader looks at next come along (R4).
//  * Streams, forward or backward, have windows (R3) that share 240 MiB of the 256 MiB that may be
//    in flight; the rest is for single asks. A stream's region goes when others have been reading
//    for 1 MiB without it: a glance at a header or directory does not stop it, a seek does. One
//    that was resumed has shown that it takes turns, and is waited for longer.
//  * Strides have the next places as regions.
//  * A jump may be a seek: it asks 8 MiB from there. After four without a run of 16 MiB, reads are
//    taken to be random and ask aligned pieces, so that these tile the file: 8 MiB, or 4 MiB where
//    a piece of 8 would take longer to come in than it takes to be asked for. After more than 8
//    misses (as many as there may be streams), or if at least 3 had 1/8 of the file fetched, the
//    whole file is worth it.
//
// Pure policy: no I/O, no clock, no threads. A hit that changes nothing costs a few comparisons.
// Not thread-safe.
class ReadPattern {
 public:
  ReadPattern(Bytes size, Container container);

  // `hit`: the bytes were here; `ask` is of no use then. The advice is good until the next call.
  const Advice& on_read(ByteRange read, bool hit, const LinkSpeed& speed);

 private:
  struct Slot {
    ReadStream stream;
    Bytes active_at = 0;  // activity_ when it was last read
    Bytes patience = 0;   // how long its region is kept while others read
    bool vacant = false;  // became one with another
    bool settled = false;
  };

  ByteRange cut(ByteRange range) const;
  bool live(const Slot& slot) const {
    return !slot.vacant && activity_ - slot.active_at <= slot.patience;
  }
  bool find(ByteRange read);
  bool go_on(ByteRange read);
  void jump(ByteRange read);
  std::size_t slot_to_replace() const;
  void plan(const LinkSpeed& speed);
  void ask(ByteRange read, bool jumped, const LinkSpeed& speed);
  ByteRange ask_of_guess(ByteRange read, const LinkSpeed& speed);
  void count_miss(ByteRange read);
  void share_out();
  void collect(const LinkSpeed& speed);
  void collect_stride(const LinkSpeed& speed, Bytes& room);
  void collect(const Slot& slot, Bytes& room);
  void add(Advice::Region region, Bytes& room);

  const Bytes size_;
  const Bytes limit_;  // size_, rounded up to a block
  const Container container_;
  std::array<ByteRange, 2> edges_{};  // tail and head of a container
  bool tail_first_ = false;           // the first read was at the tail of one that begins there
  std::vector<Slot> slots_;
  std::size_t current_ = 0;  // the slot of this read
  std::size_t newest_ = 0;   // the slot of the last jump
  Stride stride_;
  Bytes stride_at_ = 0;   // activity_ when the stride was last followed
  Bytes activity_ = 0;    // bytes read, a jump counted as some more
  Bytes next_check_ = 0;  // at which activity_ a region may have to go
  int jumps_ = 0;         // since the last long run
  int misses_ = 0;        // of these
  Bytes missed_ = 0;      // what they asked for
  Advice advice_;
  std::vector<Advice::Region> regions_;  // the next advice, while it is made
};

}  // namespace driveway::vfs
