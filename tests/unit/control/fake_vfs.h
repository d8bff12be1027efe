// A Vfs of two files, for the tests of what asks one.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
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
  Status write(const Context&, std::optional<Bytes>, std::span<const std::byte>) override {
    return refused();
  }
  Status truncate(const Context&, Bytes) override { return refused(); }
  Status allocate(const Context&, ByteRange, bool) override { return refused(); }
  Status punch(const Context&, ByteRange) override { return refused(); }
  Status flush(const Context&) override { return refused(); }
  Status sync(const Context&) override { return refused(); }
  std::optional<Bytes> next_data(Bytes) override { return std::nullopt; }
  std::optional<Bytes> next_hole(Bytes) override { return std::nullopt; }
  Status close(const Context&) override { return {}; }

 private:
  static Error refused() { return {ErrorCode::kReadOnly, "opened for reading"}; }
  tree::Node node_;
  std::string text_;
};

// Sends nothing.
class FakeSender final : public journal::Sender {
 public:
  void start() override {}
  void stop() override {}
  std::optional<FileId> take_id() override { return std::nullopt; }
  void heard(const FileId&, const std::optional<drive::Item>&, InodeId) override {}
  Status flush(const Context&, const std::vector<InodeId>&) override { return {}; }
  Status wait_for_backlog(const Context&, Duration) override { return {}; }
  std::vector<journal::Sending> sending() const override { return on_its_way; }
  double bytes_per_second() const override { return 1e6; }

  std::vector<journal::Sending> on_its_way;  // set before use
};

// "MyDrive" (inode 2) holds "a" ("alpha") and "big" (3 MiB of 'b'), and, for who asks for it by its
// path, the folder "folder" (inode 13); every other path is not found.
// Its cache is a real one, in a folder of its own; so is its journal, after open_journal().
class FakeVfs final : public vfs::Vfs {
 public:
  FakeVfs() {
    add(2, "MyDrive", tree::NodeKind::kDirectory, "");
    add(10, "MyDrive/a", tree::NodeKind::kFile, "alpha");
    add(11, "MyDrive/big", tree::NodeKind::kFile, std::string(3 * kMiB, 'b'));
    add(13, "MyDrive/folder", tree::NodeKind::kDirectory, "");
    nodes_[InodeId(13)].item.emplace().id = FileId("id-13");
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
  std::shared_ptr<const void> open_folder(InodeId) override { return nullptr; }
  std::shared_ptr<const void> open_later(InodeId) override { return nullptr; }
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
  std::string path_of(InodeId inode) override {
    for (const auto& [path, other] : by_path_) {
      if (other == inode) return path;
    }
    return "";
  }
  Result<std::shared_ptr<vfs::OpenFile>> open_file(const Context&, InodeId inode,
                                                   const vfs::OpenMode&) override {
    DRIVEWAY_TRY(auto found, node(inode));
    return std::shared_ptr<vfs::OpenFile>(std::make_shared<FakeFile>(found, texts_[inode]));
  }
  Result<std::string> read_link(const Context&, InodeId) override { return none(); }
  Result<std::vector<std::string>> list_attributes(InodeId) override {
    return std::vector<std::string>{"user.drive.id"};
  }
  Result<std::string> attribute(InodeId, std::string_view) override { return std::string("id-x"); }
  Status set_attribute(const Context&, InodeId, std::string_view, std::string_view,
                       vfs::AttributeMode) override {
    return refused();
  }
  Status remove_attribute(const Context&, InodeId, std::string_view) override { return refused(); }
  Result<vfs::Opened> create_file(const Context&, InodeId, std::string_view, const vfs::NewNode&,
                                  const vfs::OpenMode&) override {
    return refused();
  }
  Result<tree::Node> make_folder(const Context&, InodeId, std::string_view,
                                 const vfs::NewNode&) override {
    return refused();
  }
  Result<tree::Node> make_symlink(const Context&, InodeId, std::string_view, std::string_view,
                                  const vfs::NewNode&) override {
    return refused();
  }
  Result<tree::Node> set_attributes(const Context&, InodeId, const vfs::AttributeChange&) override {
    return refused();
  }
  Status unlink(const Context&, InodeId, std::string_view) override { return refused(); }
  Status remove_folder(const Context&, InodeId, std::string_view) override { return refused(); }
  Status rename(const Context&, InodeId, std::string_view, InodeId, std::string_view,
                vfs::RenameMode) override {
    return refused();
  }
  Result<Bytes> copy_range(const Context&, vfs::OpenFile&, Bytes, vfs::OpenFile&, Bytes,
                           Bytes) override {
    return refused();
  }
  Status sync_folder(const Context&, InodeId) override { return {}; }
  journal::Journal* journal() override { return journal_.get(); }
  journal::Sender* sender() override { return journal_ == nullptr ? nullptr : &fake_sender; }
  Status flush(const Context& context, InodeId inode) override {
    return on_flush ? on_flush(context, inode) : Status();
  }
  Result<std::uint64_t> export_unsent(const Context& context,
                                      const std::filesystem::path& folder) override {
    return on_export ? on_export(context, folder) : std::uint64_t{0};
  }
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
  // What flush() and export_unsent() do, and what is being sent.
  std::function<Status(const Context&, InodeId)> on_flush;
  std::function<Result<std::uint64_t>(const Context&, const std::filesystem::path&)> on_export;
  FakeSender fake_sender;

  // From now on it is for writing. Once.
  void open_journal() {
    journal::JournalOptions options;
    options.ledger.folder = journal_folder_.path();
    options.ledger.account = "0123";
    journal_ = journal::Journal::open(options, clock_, metrics_).value();
  }
  void trash_the_folder() { nodes_[InodeId(13)].item->trashed = true; }
  // Something new below MyDrive, which Drive does not have.
  void add_unsent(std::uint64_t inode, const std::string& name, drive::ItemKind kind, Bytes size) {
    change([&](journal::ChangeSet& set, WallTime now) {
      journal::NewEntry entry;
      entry.kind = kind;
      entry.id = FileId(cat("id-", inode));
      entry.content.size = size;
      return set.create(InodeId(inode), {InodeId(2), FileId("id-2"), name}, entry, now);
    });
    if (kind != drive::ItemKind::kFile) return;
    change([&](journal::ChangeSet& set, WallTime now) -> Result<journal::Rows> {
      DRIVEWAY_CHECK(set.opened(InodeId(inode)));
      return set.closed(InodeId(inode), std::nullopt, now, now);
    });
  }
  void change(const journal::Journal::Call& call) {
    const Status changed = journal_->change({}, journal::Purpose::kNew, call);
    if (!changed.ok()) throw std::logic_error(changed.error().to_string());
  }

 private:
  static Error refused() { return {ErrorCode::kReadOnly, "a fake"}; }
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
  TemporaryFolder journal_folder_;
  std::unique_ptr<journal::Journal> journal_;
  std::map<InodeId, tree::Node> nodes_;
  std::map<std::string, InodeId> by_path_;
  std::map<InodeId, std::string> texts_;
};

}  // namespace driveway::control
