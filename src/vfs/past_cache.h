// Reads past the content cache: where the disk has no room for what is read, or fails.
//
// A GET costs 200 quota units and a first byte whatever its length, so one brings 8 MiB into
// memory, and the reads around it are answered from there: 8 such windows at most, of all files
// together, least recently used first to go. R1 holds here too: bytes are given only when the item
// was found to be at the same revision after they came.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "drive/item.h"
#include "drive/remote_store.h"
#include "transfer/scheduler.h"

namespace driveway::vfs {

class PastCache {
 public:
  PastCache(drive::RemoteStore& store, transfer::Scheduler& scheduler, Clock& clock)
      : store_(store), scheduler_(scheduler), clock_(clock) {}

  // Fills `buffer` from `offset`. REQUIRES that all of it lies within the item's content. Errors:
  // kStale (the revision has moved), those of RemoteStore::read and get.
  Status read(const Context& context, const drive::Item& item, Bytes offset,
              std::span<std::byte> buffer);

 private:
  struct Window {
    ContentId content;
    ByteRange range;
    bool loading = true;
    bool failed = false;
    std::condition_variable changed;
    std::vector<std::byte> bytes;  // not changed any more once loaded
  };

  Result<std::shared_ptr<Window>> window_at(const Context& context, const drive::Item& item,
                                            const ContentId& content, Bytes offset);
  std::shared_ptr<Window> find(const ContentId& content, Bytes offset);
  Status load(const Context& context, const drive::Item& item, Window& window);

  drive::RemoteStore& store_;
  transfer::Scheduler& scheduler_;
  Clock& clock_;
  std::mutex mutex_;  // guards what follows, and the states of the windows
  std::list<std::shared_ptr<Window>> windows_;  // first: the latest used
};

}  // namespace driveway::vfs
