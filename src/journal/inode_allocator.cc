#include "journal/inode_allocator.h"

#include <mutex>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/codec.h"
#include "store/env.h"

namespace driveway::journal {
namespace {

constexpr std::string_view kNextKey = "next";
constexpr std::uint64_t kFirst = 1024;
// A reservation is one synced commit (2–6 ms): a cold listing of 100,000 files makes seven.
constexpr std::uint64_t kBatch = 16'384;

class LmdbInodeAllocator final : public InodeAllocator {
 public:
  LmdbInodeAllocator(store::Env& env, store::Table table, std::uint64_t next)
      : env_(env), table_(table), next_(next), reserved_until_(next) {}

  // Gives back what was reserved and not used; after a crash it stays unused.
  ~LmdbInodeAllocator() override {
    if (next_ == reserved_until_) return;
    if (const Status status = store_next(next_); !status.ok()) {
      log::warn("inode numbers are skipped: ", status.error());
    }
  }

  Result<InodeId> allocate() override {
    const std::lock_guard lock(mutex_);
    if (next_ == reserved_until_) {
      DRIVEWAY_CHECK(store_next(next_ + kBatch));
      reserved_until_ = next_ + kBatch;
    }
    return InodeId(next_++);
  }

 private:
  // From now on no number below `next` is given again, also after a crash of the machine.
  Status store_next(std::uint64_t next) {
    DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("journal.reserve_inodes"));
    DRIVEWAY_TRY(store::WriteTxn txn, env_.write());
    DRIVEWAY_CHECK(txn.put(table_, kNextKey, store::Writer().varint(next).bytes()));
    return txn.commit();
  }

  store::Env& env_;
  const store::Table table_;
  std::mutex mutex_;  // guards what follows
  std::uint64_t next_;
  std::uint64_t reserved_until_;
};

// One with an environment of its own.
class OwnInodeAllocator final : public InodeAllocator {
 public:
  OwnInodeAllocator(std::unique_ptr<store::Env> env, std::unique_ptr<InodeAllocator> allocator)
      : env_(std::move(env)), allocator_(std::move(allocator)) {}
  Result<InodeId> allocate() override { return allocator_->allocate(); }

 private:
  const std::unique_ptr<store::Env> env_;
  const std::unique_ptr<InodeAllocator> allocator_;
};

}  // namespace

Result<std::unique_ptr<InodeAllocator>> inode_allocator_in(store::Env& env) {
  DRIVEWAY_TRY(const store::Table table, env.table("inodes"));
  std::uint64_t next = kFirst;
  {
    DRIVEWAY_TRY(const store::ReadTxn txn, env.read());
    DRIVEWAY_TRY(const auto row, txn.get(table, kNextKey));
    if (row) {
      store::Reader reader(*row);
      next = reader.varint();
      if (!reader.ok() || next < kFirst) {
        return Error{ErrorCode::kCorrupt, "the inode allocator in the journal is damaged"};
      }
    }
  }
  return std::unique_ptr<InodeAllocator>(std::make_unique<LmdbInodeAllocator>(env, table, next));
}

Result<std::unique_ptr<InodeAllocator>> open_inode_allocator(const std::filesystem::path& folder) {
  store::EnvOptions options;
  options.sync = true;
  options.format_version = kJournalFormatVersion;
  DRIVEWAY_TRY(std::unique_ptr<store::Env> env, store::Env::open(folder, options));
  auto allocator = inode_allocator_in(*env);
  if (!allocator.ok()) {
    return wrap(std::move(allocator).error(), cat("cannot use ", folder.native()));
  }
  return std::unique_ptr<InodeAllocator>(
      std::make_unique<OwnInodeAllocator>(std::move(env), *std::move(allocator)));
}

}  // namespace driveway::journal
