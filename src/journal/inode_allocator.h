// Inode numbers that are never reused, not even after `meta` is wiped: the allocator lives with the
// journal (D3).
//
// Numbers are reserved in durable batches, so an allocation costs no sync; a crash skips at most
// one batch. Thread-safe.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "base/ids.h"
#include "base/result.h"

namespace driveway::store {
class Env;
}

namespace driveway::journal {

class InodeAllocator {
 public:
  virtual ~InodeAllocator() = default;
  // The next free number, from 1024 on (the lower ones are the fixed folders of the layouts).
  virtual Result<InodeId> allocate() = 0;
};

// Of the LMDB environment of the journal (docs/FORMAT.md).
inline constexpr std::uint32_t kJournalFormatVersion = 1;

// In the LMDB environment `folder` (created when missing), for who needs nothing else of the
// journal; where a Ledger is, its inodes() is the allocator.
Result<std::unique_ptr<InodeAllocator>> open_inode_allocator(const std::filesystem::path& folder);
// In `env`, which must outlive it.
Result<std::unique_ptr<InodeAllocator>> inode_allocator_in(store::Env& env);

}  // namespace driveway::journal
