// The kinds of open files that are not written to (writable_file.h has the other). Private to vfs/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "vfs/blob.h"
#include "vfs/drafts.h"
#include "vfs/read_ahead.h"
#include "vfs/siblings.h"
#include "vfs/vfs.h"
#include "vfs/view.h"

namespace driveway::vfs {

// What OpenFile says of changes of a file that was not opened for writing.
inline Error refused() { return {ErrorCode::kReadOnly, "the file was not opened for writing"}; }

// The nodes of files that are open here: one that was removed has no other place (the name has
// gone, the handle has not). Thread-safe; its lock is a leaf.
class OpenNodes {
 public:
  void add(const tree::Node& node);
  void remove(InodeId inode);
  // As a file without a name: its parent is 0.
  std::optional<tree::Node> find(InodeId inode) const;
  // It has just lost its name here, and was `node` until then: from now on that is what it is,
  // whatever the tree says of what Drive still has of it.
  void lost_name(const tree::Node& node);
  // It is out of the trash.
  void has_name(InodeId inode);
  // As find(), of one that lost its name here.
  std::optional<tree::Node> find_lost(InodeId inode) const;
  // What becomes of its attributes: of a file without a name they are nowhere else. Gives it as
  // find() does.
  std::optional<tree::Node> change(InodeId inode, const std::function<void(tree::Node&)>& change);

 private:
  struct Entry {
    tree::Node node;
    int files = 0;
    bool lost = false;
  };
  static tree::Node without_name(tree::Node node);

  mutable std::mutex mutex_;
  std::unordered_map<InodeId, Entry> nodes_;
};

// What is written here, for those who have the same files open for reading. Thread-safe.
class LocalWrites {
 public:
  LocalWrites(const View& view, const Drafts& drafts, OpenNodes& open_nodes)
      : view_(view), drafts_(drafts), open_nodes_(open_nodes) {}

  // Grows whenever a file may read otherwise than before: it began to be written to, or what was
  // written is in Drive.
  std::uint64_t count() const { return count_.load(std::memory_order_acquire); }
  void note() { count_.fetch_add(1, std::memory_order_acq_rel); }

  std::shared_ptr<Draft> draft_of(InodeId inode) const { return drafts_.find(inode); }
  Result<tree::Node> node_of(InodeId inode) const { return view_.node(inode); }
  OpenNodes& open_nodes() const { return open_nodes_; }

 private:
  const View& view_;
  const Drafts& drafts_;
  OpenNodes& open_nodes_;
  std::atomic<std::uint64_t> count_{1};
};

// A file whose bytes are Drive's, or are being written here by others (then they are read from the
// draft, so that what was written is read at once).
class BlobFile final : public OpenFile {
 public:
  // REQUIRES a node with an item. `source`: the inode whose bytes these are, the target's of a
  // shortcut.
  BlobFile(tree::Node node, InodeId source, Blobs& blobs, Siblings& siblings,
           const LocalWrites& writes)
      : node_(std::move(node)),
        source_(source),
        blobs_(blobs),
        siblings_(siblings),
        writes_(writes) {
    tree::Node own = node_;
    own.inode = source_;
    writes_.open_nodes().add(own);
  }
  ~BlobFile() override;

  // Once, before anything else. Errors: as Vfs::open_file.
  Status open();

  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return false; }
  bool keep_cache() const override;
  void set_shown() override;
  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override;
  Status write(const Context&, std::optional<Bytes>, std::span<const std::byte>) override {
    return refused();
  }
  Status truncate(const Context&, Bytes) override { return refused(); }
  Status allocate(const Context&, ByteRange, bool) override { return refused(); }
  Status punch(const Context&, ByteRange) override { return refused(); }
  Status flush(const Context&) override { return refused(); }
  Status sync(const Context&) override { return refused(); }
  std::optional<Bytes> next_data(Bytes offset) override;
  std::optional<Bytes> next_hole(Bytes offset) override;
  Status close(const Context&) override { return {}; }

  // Whether its bytes are those that Drive has of node().item.
  bool is_clean() const;

 private:
  // Where the bytes come from.
  struct Origin {
    std::shared_ptr<Draft> draft;  // where it is null: `blob`, of `node`
    std::shared_ptr<Blob> blob;
    std::shared_ptr<const tree::Node> node;
    std::shared_ptr<ReadAhead> read_ahead;
  };
  // What the file is: its draft, or a node of what Drive has; neither: it is nowhere any more.
  struct Now {
    std::shared_ptr<Draft> draft;
    std::optional<tree::Node> node;
  };
  // `known`: the node as it was looked at before.
  Now look(std::optional<tree::Node> known) const;
  Origin origin() const;
  Status look_again();
  Status open_blob(tree::Node node);
  std::shared_ptr<ReadAhead> read_ahead(const Origin& origin);
  Result<std::size_t> read_blob(const Context& context, Origin origin, Bytes offset,
                                std::span<std::byte> buffer);

  const tree::Node node_;
  const InodeId source_;
  Blobs& blobs_;
  Siblings& siblings_;
  const LocalWrites& writes_;
  std::atomic<std::uint64_t> seen_{0};  // of writes_.count()
  std::atomic<bool> read_before_{false};
  std::mutex looking_;  // before mutex_; held over looks at the view and Blobs::open()
  mutable std::mutex mutex_;
  Origin origin_;  // guarded by mutex_
};

// Bytes that are at hand: a Doc's link file, or its export.
class TextFile final : public OpenFile {
 public:
  TextFile(tree::Node node, std::string text, bool direct_io)
      : node_(std::move(node)), text_(std::move(text)), direct_io_(direct_io) {}
  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return direct_io_; }
  bool keep_cache() const override { return !direct_io_; }
  void set_shown() override {}
  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override;
  Status write(const Context&, std::optional<Bytes>, std::span<const std::byte>) override {
    return refused();
  }
  Status truncate(const Context&, Bytes) override { return refused(); }
  Status allocate(const Context&, ByteRange, bool) override { return refused(); }
  Status punch(const Context&, ByteRange) override { return refused(); }
  Status flush(const Context&) override { return refused(); }
  Status sync(const Context&) override { return refused(); }
  std::optional<Bytes> next_data(Bytes offset) override;
  std::optional<Bytes> next_hole(Bytes offset) override;
  Status close(const Context&) override { return {}; }

 private:
  const tree::Node node_;
  const std::string text_;
  const bool direct_io_;
};

}  // namespace driveway::vfs
