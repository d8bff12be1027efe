// One content of the cache: its block map, its file or inline bytes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/metrics.h"
#include "cache/block_map.h"
#include "cache/content_cache.h"
#include "cache/content_files.h"
#include "cache/index.h"

namespace driveway::cache {

// What a content asks of the cache that it belongs to. Thread-safe. Called without a content's
// lock.
class ContentOwner {
 public:
  virtual ~ContentOwner() = default;
  // Room for `cost` bytes more; evicts others for it. Errors: kNoSpace.
  virtual Status reserve(Kind kind, Bytes cost) = 0;
  virtual void give_back(Kind kind, Bytes cost) = 0;
  // Frees disk space after the disk was found full.
  virtual void relieve_disk(Bytes bytes) = 0;
  // Waits until so much inline data is not yet in the index that more may be kept in memory.
  virtual Status make_inline_room(Bytes bytes) = 0;
  // Something of the content is to be written to the index; `unsaved` inline bytes more of it are
  // kept in memory until then.
  virtual void mark_dirty(const std::string& key, Bytes unsaved) = 0;
  // A new file and its number.
  virtual Result<std::uint64_t> new_file() = 0;
  virtual ContentFiles& files() = 0;
  virtual const Index& index() = 0;
};

// Lock: mutex_ is a leaf but for ContentFiles' own; never held over disk or LMDB work, nor while
// the owner is called.
class CachedContent final : public Content {
 public:
  struct Counters {
    Counter& read_bytes;
    Counter& crc_errors;
  };

  CachedContent(ContentOwner& owner, ContentId id, std::string key, Bytes size, Kind kind,
                Counters counters);

  const ContentId& id() const override { return id_; }
  Bytes size() const override { return size_; }
  bool has(ByteRange range) const override;
  std::vector<ByteRange> missing(ByteRange range) const override;
  Result<std::size_t> read(Bytes offset, std::span<std::byte> buffer) override;
  Status write(Bytes offset, std::span<const std::byte> data) override;
  Status commit(ByteRange range) override;
  void discard(ByteRange range) override;
  bool complete() const override;
  bool verified() const override;
  std::uint64_t generation() const override;
  void set_verified(std::uint64_t generation) override;
  void reject() override;
  bool pinned() const override;
  void set_pinned(bool pinned) override;

  // --- For the cache.

  Kind kind() const { return kind_; }
  std::uint64_t number() const { return number_.load(); }
  std::size_t groups() const;
  Bytes charged() const;
  // Takes over what the index says; blocks that the file does not hold are dropped (true: there
  // were such). REQUIRES that nobody else has the content yet.
  bool load(const Index::Loaded& loaded);
  // Takes over a file that a dirty content has made: the blocks of `groups` are whole, those of
  // `rest` take space until the content is closed. REQUIRES the same.
  void take_over(std::uint64_t number, const std::vector<GroupRow>& groups,
                 const std::vector<std::uint64_t>& rest);
  // What changed since the last call, for the index; `unsaved` is what mark_dirty was told of it.
  struct Changes {
    ContentUpdate update;
    Bytes unsaved = 0;
  };
  Changes take_changes();
  void saved(const Changes& changes);    // they are in the index
  void restore(const Changes& changes);  // they are not: the next take_changes() has them again
  // Nobody has it open: forgets what is not indexed, and gives the space that this frees.
  Bytes settle();

 private:
  Bytes cost_of(const BlockMap::Charge& charge) const;
  Status write_inline(Bytes offset, std::span<const std::byte> data);
  Status write_file(Bytes offset, std::span<const std::byte> data);
  Status write_part(std::span<const std::byte> data, Bytes offset);
  Result<std::shared_ptr<const UniqueFd>> file_for_writing();
  Status read_inline(Bytes offset, std::span<std::byte> buffer,
                     const std::vector<BlockMap::Unit>& unchecked);
  Status read_file(Bytes offset, std::span<std::byte> buffer,
                   const std::vector<BlockMap::Unit>& unchecked);
  Result<BlockCrcs> read_crcs(std::uint64_t block);
  void distrust();
  void drop_blocks(const std::vector<std::uint64_t>& blocks, std::string_view why);
  void punch(const std::vector<ByteRange>& ranges);

  ContentOwner& owner_;
  const ContentId id_;
  const std::string key_;
  const Bytes size_;
  const Kind kind_;
  const Counters counters_;
  std::atomic<std::uint64_t> number_{0};  // of the content file; 0: inline, or not yet made
  std::mutex create_mutex_;               // one thread makes the file
  mutable std::shared_mutex mutex_;       // guards what follows
  BlockMap map_;
  bool verified_ = false;
  bool pinned_ = false;
  std::uint64_t generation_ = 0;
  // Inline bytes that the index does not have yet; immutable once their block is indexed.
  std::shared_ptr<std::string> data_;
  Bytes unsaved_ = 0;
};

}  // namespace driveway::cache
