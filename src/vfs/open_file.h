// The kinds of open files.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "vfs/blob.h"
#include "vfs/read_ahead.h"
#include "vfs/siblings.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

class BlobFile final : public OpenFile {
 public:
  // REQUIRES a node with an item.
  BlobFile(tree::Node node, std::shared_ptr<Blob> blob, Blobs& blobs, Siblings& siblings)
      : node_(std::move(node)), blobs_(blobs), siblings_(siblings), blob_(std::move(blob)) {}
  ~BlobFile() override;
  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return false; }
  bool keep_cache() const override { return blob()->trusted(); }
  void set_shown() override { blob()->set_shown(); }
  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override;

 private:
  std::shared_ptr<Blob> blob() const;
  std::shared_ptr<ReadAhead> read_ahead();

  const tree::Node node_;
  Blobs& blobs_;
  Siblings& siblings_;
  std::atomic<bool> read_before_{false};
  mutable std::mutex mutex_;
  std::shared_ptr<Blob> blob_;             // guarded by mutex_
  std::shared_ptr<ReadAhead> read_ahead_;  // guarded by mutex_; from the first read on
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

 private:
  const tree::Node node_;
  const std::string text_;
  const bool direct_io_;
};

}  // namespace driveway::vfs
