// A Vfs in memory: what a mount is tested with, without tree, cache, journal and Drive.
//
// It keeps what vfs/vfs.h promises of changes, also who is told of them, and notes the calls whose
// coming matters. Extended attributes and sizes have small limits. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/vfs.h"

namespace driveway::fuse {

class MemoryVfs final : public vfs::Vfs {
 public:
  static constexpr Bytes kMostBytes = Bytes{1} << 40;
  static constexpr std::size_t kMostAttribute = 100;

  MemoryVfs();

  // --- For tests.
  std::string bytes_of(std::string_view path);
  // How often each call came since the last time ("write", "close", …).
  std::map<std::string, int> take_calls();
  int calls(const std::string& name);
  // A file that comes without anybody being told.
  void add_silently(std::string_view name);
  // What the next call of this name fails with.
  void fail(const std::string& name, ErrorCode code);

  // --- vfs::Vfs
  Status start(const Context&) override { return {}; }
  void add_observer(tree::TreeObserver& observer) override;
  void remove_observer(tree::TreeObserver& observer) override;
  Result<tree::Node> lookup(const Context& context, InodeId parent, std::string_view name) override;
  Result<tree::Node> node(InodeId inode) override;
  std::shared_ptr<const void> open_folder(InodeId) override { return nullptr; }
  std::shared_ptr<const void> open_later(InodeId) override { return nullptr; }
  std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) override;
  Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId directory) override;
  Result<tree::Node> resolve(const Context& context, std::string_view path) override;
  Result<tree::Node> by_id(const Context& context, const FileId& id) override;
  std::string path_of(InodeId) override { return ""; }
  Result<std::shared_ptr<vfs::OpenFile>> open_file(const Context& context, InodeId inode,
                                                   const vfs::OpenMode& mode) override;
  Result<std::string> read_link(const Context& context, InodeId inode) override;
  Result<std::vector<std::string>> list_attributes(InodeId inode) override;
  Result<std::string> attribute(InodeId inode, std::string_view name) override;
  Status set_attribute(const Context& context, InodeId inode, std::string_view name,
                       std::string_view value, vfs::AttributeMode mode) override;
  Status remove_attribute(const Context& context, InodeId inode, std::string_view name) override;
  Result<vfs::Opened> create_file(const Context& context, InodeId parent, std::string_view name,
                                  const vfs::NewNode& attributes,
                                  const vfs::OpenMode& mode) override;
  Result<tree::Node> make_folder(const Context& context, InodeId parent, std::string_view name,
                                 const vfs::NewNode& attributes) override;
  Result<tree::Node> make_symlink(const Context& context, InodeId parent, std::string_view name,
                                  std::string_view target, const vfs::NewNode& attributes) override;
  Result<tree::Node> set_attributes(const Context& context, InodeId inode,
                                    const vfs::AttributeChange& change) override;
  Status unlink(const Context& context, InodeId parent, std::string_view name) override;
  Status remove_folder(const Context& context, InodeId parent, std::string_view name) override;
  Status rename(const Context& context, InodeId parent, std::string_view name, InodeId new_parent,
                std::string_view new_name, vfs::RenameMode mode) override;
  Result<Bytes> copy_range(const Context& context, vfs::OpenFile& from, Bytes from_offset,
                           vfs::OpenFile& to, Bytes to_offset, Bytes length) override;
  Status sync_folder(const Context& context, InodeId inode) override;
  journal::Journal* journal() override { return nullptr; }
  journal::Sender* sender() override { return nullptr; }
  Status flush(const Context& context, InodeId inode) override;
  Result<std::uint64_t> export_unsent(const Context& context,
                                      const std::filesystem::path& folder) override;
  Result<vfs::Space> space(const Context& context) override;
  Result<drive::About> about(const Context& context) override;
  Status poll(const Context&) override { return {}; }
  tree::TreeStatus tree_status() const override { return {}; }
  const tree::TreeOptions& tree_options() const override { return options_; }
  cache::ContentCache& cache() override;
  Status fetch_content(const Context& context, const tree::Node& node) override;

 private:
  friend class MemoryFile;
  struct Item {
    tree::Node node;
    std::string bytes;  // of a symlink: its target
    std::map<std::string, InodeId, std::less<>> entries;
    std::map<std::string, std::string, std::less<>> attributes;
  };

  // With mutex_ held.
  Status begin(const std::string& call);
  Result<Item*> item(InodeId inode);
  Result<Item*> child(InodeId parent, std::string_view name);
  Result<Item*> make(InodeId parent, std::string_view name, mode_t type,
                     const vfs::NewNode& attributes);
  Status remove(InodeId parent, std::string_view name, bool folder);

  // Without it.
  void tell_entry(InodeId parent, std::string_view name, std::optional<InodeId> child);
  void tell_attributes(InodeId inode);
  template <typename Change>
  Status change_bytes(const std::string& call, InodeId inode, Change change);

  tree::TreeOptions options_;
  std::mutex mutex_;
  std::map<InodeId, Item> items_;  // never erased: what is unlinked may be open
  std::uint64_t last_inode_ = 1;
  std::map<std::string, int> calls_;
  std::map<std::string, ErrorCode> failures_;
  std::mutex observers_mutex_;
  std::vector<tree::TreeObserver*> observers_;
};

}  // namespace driveway::fuse
