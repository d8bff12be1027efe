// A Vfs of two files, for the tests of what asks one.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "unit/base/temporary_folder.h"
#include "vfs/vfs.h"

namespace driveway::control {

class FakeFile final : public vfs::OpenFile {
 public:
  FakeFile(tree::Node node, std::string text) : node_(std::move(node)), text_(std::move(text)) {}
  const tree::Node& node() const override { return node_; }
  bool direct_io() const override { return false; }
  bool keep_cache() const override { return true; }
  void set_shown() override {}
  Result<std::size_t> read(const Context&, Bytes offset, std::span<std::byte> buffer) override {
    if (offset >= text_.size()) return std::size_t{0};
    const std::size_t count = std::min<std::size_t>(buffer.size(), text_.size() - offset);
    std::memcpy(buffer.data(), text_.data() + offset, count);
    return count;
  }

 private:
  tree::Node node_;
  std::string text_;
};

// "MyDrive" (inode 2) holds "a" ("alpha") and "big" (3 MiB of 'b'); every other path is not found.
// Its cache is a real one, in a folder of its own.
class FakeVfs final : public vfs::Vfs {
 public:
  FakeVfs() {
    add(2, "MyDrive", tree::NodeKind::kDirectory, "");
    add(10, "MyDrive/a", tree::NodeKind::kFile, "alpha");
    add(11, "MyDrive/big", tree::NodeKind::kFile, std::string(3 * kMiB, 'b'));
    const cache::CacheOptions options{
        .capacity = 16 * kMiB, .min_free_disk = 0, .disk_space = nullptr};
    cache_ = cache::ContentCache::open(cache_folder_.path(), options, clock_, metrics_).value();
  }

  Status start(const Context&) override { return {}; }
  void add_observer(tree::TreeObserver&) override {}
  void remove_observer(tree::TreeObserver&) override {}
  Result<tree::Node> lookup(const Context&, InodeId, std::string_view name) override {
    const auto found = looked_up.find(std::string(name));
    return found == looked_up.end() ? Result<tree::Node>(none()) : found->second;
  }
  Result<tree::Node> node(InodeId inode) override {
    const auto found = nodes_.find(inode);
    return found == nodes_.end() ? Result<tree::Node>(none()) : found->second;
  }
  std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) override {
    std::vector<std::optional<tree::Node>> found;
    for (const InodeId inode : inodes) {
      auto one = node(inode);
      found.push_back(one.ok() ? std::optional(*one) : std::nullopt);
    }
    return found;
  }
  Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId) override {
    if (before_list) DRIVEWAY_CHECK(before_list(context));
    return std::vector<tree::DirEntry>{{"a", InodeId(10), tree::NodeKind::kFile},
                                       {"big", InodeId(11), tree::NodeKind::kFile},
                                       {"gone", InodeId(12), tree::NodeKind::kFile}};
  }
  Result<tree::Node> resolve(const Context&, std::string_view path) override {
    while (path.ends_with('/')) path.remove_suffix(1);
    const auto found = by_path_.find(std::string(path));
    return found == by_path_.end() ? Result<tree::Node>(none()) : node(found->second);
  }
  Result<tree::Node> by_id(const Context&, const FileId& id) override {
    return id == FileId("id-a") ? node(InodeId(10)) : Result<tree::Node>(none());
  }
  Result<std::shared_ptr<vfs::OpenFile>> open_file(const Context&, InodeId inode) override {
    DRIVEWAY_TRY(auto found, node(inode));
    return std::shared_ptr<vfs::OpenFile>(std::make_shared<FakeFile>(found, texts_[inode]));
  }
  Result<std::string> read_link(const Context&, InodeId) override { return none(); }
  Result<std::vector<std::string>> list_attributes(InodeId) override {
    return std::vector<std::string>{"user.drive.id"};
  }
  Result<std::string> attribute(InodeId, std::string_view) override { return std::string("id-x"); }
  Result<vfs::Space> space(const Context&) override { return vfs::Space{}; }
  Result<drive::About> about(const Context&) override {
    drive::About about;
    about.email = "ann@example.com";
    return about;
  }
  Status poll(const Context&) override { return {}; }
  tree::TreeStatus tree_status() const override { return {}; }
  const tree::TreeOptions& tree_options() const override { return options_; }
  cache::ContentCache& cache() override { return *cache_; }
  Status fetch_content(const Context& context, const tree::Node& node) override {
    if (before_fetch) DRIVEWAY_CHECK(before_fetch(context, node));
    const std::string& text = texts_[node.inode];
    DRIVEWAY_TRY(const auto content,
                 cache_->open_content(*drive::content_id(*node.item), text.size()));
    DRIVEWAY_CHECK(content->write(0, std::as_bytes(std::span(text))));
    return content->commit({0, text.size()});
  }

  // Set up before use: what list() and fetch_content() do first, and what only lookup() finds.
  std::function<Status(const Context&)> before_list;
  std::function<Status(const Context&, const tree::Node&)> before_fetch;
  std::map<std::string, tree::Node> looked_up;

 private:
  static Error none() { return {ErrorCode::kNotFound, "no such file"}; }
  void add(std::uint64_t inode, const std::string& path, tree::NodeKind kind, std::string text) {
    tree::Node node;
    node.inode = InodeId(inode);
    node.kind = kind;
    node.size = text.size();
    node.mode = 0100644;
    if (kind == tree::NodeKind::kFile) {
      node.content = tree::ContentKind::kBlob;
      drive::Item item;
      item.id = FileId(cat("id-", inode));
      item.size = text.size();
      item.md5 = cat("md5 of ", path);
      node.item = item;
    }
    nodes_[node.inode] = node;
    by_path_[path] = node.inode;
    texts_[node.inode] = std::move(text);
  }
  tree::TreeOptions options_;
  TemporaryFolder cache_folder_;
  SystemClock clock_;
  Metrics metrics_;
  std::unique_ptr<cache::ContentCache> cache_;
  std::map<InodeId, tree::Node> nodes_;
  std::map<std::string, InodeId> by_path_;
  std::map<InodeId, std::string> texts_;
};

}  // namespace driveway::control
