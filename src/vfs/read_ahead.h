// Keeps on its way what the reads of one handle say will be read next (R3): turns the advice of its
// ReadPattern into ranged GETs, at most as many at once as the link asks for.
//
// While it lives it may hold tickets of the Fetcher; it must end before that. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/context.h"
#include "transfer/fetcher.h"
#include "vfs/blob.h"
#include "vfs/container.h"
#include "vfs/read_pattern.h"

namespace driveway::vfs {

class ReadAhead : public std::enable_shared_from_this<ReadAhead> {
 public:
  // Files larger than `most_whole` are never fetched whole for scattered reads.
  static std::shared_ptr<ReadAhead> make(Bytes size, Container container, Bytes most_whole,
                                         transfer::Fetcher& fetcher);
  ReadAhead(Bytes size, Container container, Bytes most_whole, transfer::Fetcher& fetcher);

  // REQUIRES: before the read. `hit`: its bytes are here. Where they are not, they are on their way
  // when this returns, and the answer is what to ask the Fetcher for.
  ByteRange before_read(const std::shared_ptr<Blob>& blob, ByteRange read, bool hit);
  // The handle is closed: nothing is wanted any more.
  void close();

 private:
  struct Held {
    ByteRange range;
    std::unique_ptr<transfer::Ticket> ticket;
  };
  using Tickets = std::vector<std::unique_ptr<transfer::Ticket>>;

  void release_unwanted(bool all, Tickets& ended);
  void fill();
  void fill_region(const Advice::Region& region, Priority priority, int& room);
  void hold(ByteRange range, Priority priority);
  void ticket_finished(const Status& status);
  bool is_held(ByteRange range) const;

  transfer::Fetcher& fetcher_;
  const Bytes size_;
  const Bytes most_whole_;
  std::mutex mutex_;  // guards what follows; not held while a ticket ends
  std::shared_ptr<Blob> blob_;
  ReadPattern pattern_;
  std::vector<Advice::Region> regions_;
  std::uint64_t version_ = 0;
  bool whole_ = false;
  bool failing_ = false;  // the last ticket failed: nothing more before the next read
  bool closed_ = false;
  std::vector<Held> held_;
};

}  // namespace driveway::vfs
