// Where contents come from and where uploaded bytes lie.
//
// With a data folder: DIR/content/xx/SHA256, one file per content, written whole before it is
// published; and DIR/hashes, the hashes of synthetic contents, so that a seed costs its hashing
// once. Without: small contents in memory, large ones in blocks of one unlinked temporary file.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "base/result.h"
#include "base/threads.h"
#include "sim/drive/content.h"

namespace driveway::sim {

// Blocks of 256 KiB in one unlinked file, reused when their content dies. Thread-safe.
class BlockSpool {
 public:
  static constexpr Bytes kBlock = 256 * kKiB;
  static Result<std::shared_ptr<BlockSpool>> create();
  std::uint32_t allocate();
  void release(const std::vector<std::uint32_t>& blocks);
  Status write(std::uint32_t block, std::span<const std::byte> data);
  void read(std::uint32_t block, Bytes offset, std::span<std::byte> data) const;

 private:
  explicit BlockSpool(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
  std::mutex mutex_;
  std::vector<std::uint32_t> free_;
  std::uint32_t next_ = 0;
};

class ContentStore;

// One upload's bytes, in order; hashed as they come. Not thread-safe. Dropping it drops the bytes.
class ContentWriter {
 public:
  virtual ~ContentWriter() = default;
  // Errors: kNoSpace, kLocalDisk.
  virtual Status append(std::span<const std::byte> data) = 0;
  virtual Bytes size() const = 0;
  // The content, with its hashes. The writer must not be used afterwards.
  virtual Result<ContentPtr> finish() = 0;
};

class ContentStore {
 public:
  // `data_dir` empty: nothing outlives the process.
  explicit ContentStore(std::filesystem::path data_dir);
  // Hashes that are being computed are given up.
  ~ContentStore();
  ContentStore(const ContentStore&) = delete;
  ContentStore& operator=(const ContentStore&) = delete;

  // Equal seed and size give the same object. New ones are queued for hashing.
  ContentPtr synthetic(std::uint64_t seed, Bytes size);
  // Errors: as ContentWriter.
  Result<ContentPtr> from_bytes(std::string_view bytes);
  std::unique_ptr<ContentWriter> writer();
  // A content that an earlier process stored. Errors: kNotFound, kCorrupt (size).
  Result<ContentPtr> stored(const Hashes& hashes, Bytes size);

  // Removes the files of the data folder that no content of this process stands for: after the
  // snapshot has been read, before anything is uploaded.
  void remove_unreferenced();

  // Whether every synthetic content has its hashes.
  bool ready() const;
  // Writes the hashes that were computed since the last time to the data folder.
  Status save_hashes();

 private:
  using Key = std::pair<std::uint64_t, Bytes>;
  void load_hashes();
  void hash_queued();  // a worker's task: until the queue is empty, or the store is to end

  const std::filesystem::path data_dir_;
  std::shared_ptr<BlockSpool> spool_;  // null with a data folder
  mutable std::mutex mutex_;
  std::map<Key, std::shared_ptr<SyntheticContent>> synthetic_;
  std::set<std::string> referenced_;  // names of files in the data folder
  std::map<Key, Hashes> known_;       // from the data folder, not asked for yet
  std::deque<std::shared_ptr<SyntheticContent>> queue_;
  int workers_ = 0;            // tasks that drain the queue
  std::uint64_t pending_ = 0;  // queued or being hashed
  std::vector<std::shared_ptr<SyntheticContent>> unsaved_;
  std::atomic<bool> stopping_{false};
  WorkerPool pool_;  // last: its threads end before what they use
};

}  // namespace driveway::sim
