// The kinds of open files.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "vfs/blob.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

class BlobFile final : public OpenFile {
 public:
  BlobFile(tree::Node node, std::shared_ptr<Blob> blob, Blobs& blobs)
      : node_(std::move(node)), blob_(std::move(blob)), blobs_(blobs) {}
  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return false; }
  bool keep_cache() const override { return blob_->verified(); }
  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override {
    return blobs_.read(context, blob_, offset, buffer);
  }

 private:
  const tree::Node node_;
  const std::shared_ptr<Blob> blob_;
  Blobs& blobs_;
};

// Bytes that are at hand: a Doc's link file, or its export.
class TextFile final : public OpenFile {
 public:
  TextFile(tree::Node node, std::string text, bool direct_io)
      : node_(std::move(node)), text_(std::move(text)), direct_io_(direct_io) {}
  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return direct_io_; }
  bool keep_cache() const override { return !direct_io_; }
  Result<std::size_t> read(const Context& context, Bytes offset,
                           std::span<std::byte> buffer) override;

 private:
  const tree::Node node_;
  const std::string text_;
  const bool direct_io_;
};

}  // namespace driveway::vfs
