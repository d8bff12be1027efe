// The parts of a Vfs, and how they hang together. Private to vfs/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vfs/attribute_changes.h"
#include "vfs/blob.h"
#include "vfs/change_parts.h"
#include "vfs/drafts.h"
#include "vfs/late_opens.h"
#include "vfs/local_side.h"
#include "vfs/naming.h"
#include "vfs/observers.h"
#include "vfs/opener.h"
#include "vfs/recovery.h"
#include "vfs/sibling_source.h"
#include "vfs/siblings.h"
#include "vfs/verifier.h"
#include "vfs/vfs.h"
#include "vfs/view.h"
#include "vfs/volume_folder.h"
#include "vfs/whole_fetch.h"

namespace driveway::vfs {

// The journal's allocator, for the tree.
class JournalInodes final : public tree::InodeSource {
 public:
  explicit JournalInodes(journal::Journal& journal) : journal_(journal) {}
  Result<InodeId> allocate() override { return journal_.inodes().allocate(); }

 private:
  journal::Journal& journal_;
};

class VfsImpl final : public Vfs {
 public:
  // vfs.cc
  VfsImpl(VolumeFolder folder, const VfsOptions& options, drive::RemoteStore& store, Clock& clock,
          Metrics& metrics);
  ~VfsImpl() override;
  Status open_parts(Metrics& metrics);
  Status start(const Context& context) override;
  void add_observer(tree::TreeObserver& observer) override { relay_.add(observer); }
  void remove_observer(tree::TreeObserver& observer) override { relay_.remove(observer); }

  // vfs_reads.cc
  Result<tree::Node> lookup(const Context& context, InodeId parent, std::string_view name) override;
  Result<tree::Node> node(InodeId inode) override;
  std::shared_ptr<const void> open_folder(InodeId folder) override;
  std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) override;
  Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId directory) override;
  Result<tree::Node> resolve(const Context& context, std::string_view path) override;
  Result<tree::Node> by_id(const Context& context, const FileId& id) override;
  std::string path_of(InodeId inode) override;
  std::shared_ptr<const void> open_later(InodeId inode) override { return late_opens_.hold(inode); }
  Result<std::shared_ptr<OpenFile>> open_file(const Context& context, InodeId inode,
                                              const OpenMode& mode) override;
  Result<std::string> read_link(const Context& context, InodeId inode) override;
  Result<std::vector<std::string>> list_attributes(InodeId inode) override;
  Result<std::string> attribute(InodeId inode, std::string_view name) override;
  Result<Space> space(const Context& context) override;
  Result<drive::About> about(const Context& context) override { return tree_->about(context); }
  Status poll(const Context& context) override { return tree_->poll(context); }
  tree::TreeStatus tree_status() const override { return tree_->status(); }
  const tree::TreeOptions& tree_options() const override { return tree_->options(); }
  cache::ContentCache& cache() override { return *cache_; }
  Status fetch_content(const Context& context, const tree::Node& node) override;

  // vfs_changes.cc
  Status set_attribute(const Context& context, InodeId inode, std::string_view name,
                       std::string_view value, AttributeMode mode) override;
  Status remove_attribute(const Context& context, InodeId inode, std::string_view name) override;
  Result<Opened> create_file(const Context& context, InodeId parent, std::string_view name,
                             const NewNode& attributes, const OpenMode& mode) override;
  Result<tree::Node> make_folder(const Context& context, InodeId parent, std::string_view name,
                                 const NewNode& attributes) override;
  Result<tree::Node> make_symlink(const Context& context, InodeId parent, std::string_view name,
                                  std::string_view target, const NewNode& attributes) override;
  Result<tree::Node> set_attributes(const Context& context, InodeId inode,
                                    const AttributeChange& change) override;
  Status unlink(const Context& context, InodeId parent, std::string_view name) override;
  Status remove_folder(const Context& context, InodeId parent, std::string_view name) override;
  Status rename(const Context& context, InodeId parent, std::string_view name, InodeId new_parent,
                std::string_view new_name, RenameMode mode) override;
  Result<Bytes> copy_range(const Context& context, OpenFile& from, Bytes from_offset, OpenFile& to,
                           Bytes to_offset, Bytes length) override;
  Status sync_folder(const Context& context, InodeId inode) override;
  journal::Journal* journal() override { return options_.read_only ? nullptr : journal_.get(); }
  journal::Sender* sender() override { return options_.read_only ? nullptr : sender_.get(); }
  journal::LeftoverTotals leftovers() override {
    return journal_->look([](const journal::ChangeSet& set) { return set.notes().totals(); });
  }
  Status flush(const Context& context, InodeId inode) override;
  Result<std::uint64_t> export_unsent(const Context& context,
                                      const std::filesystem::path& folder) override;

 private:
  // The operations that change something.
  struct Changing {
    explicit Changing(const ChangeParts& parts)
        : parts(parts), naming(parts), attributes(parts, naming) {}
    const ChangeParts parts;
    Naming naming;
    AttributeChanges attributes;
  };

  Status forget_untrusted(const std::vector<std::uint64_t>& dirty);
  Status open_stores(Metrics& metrics);
  void open_reads(Metrics& metrics);
  Status open_changes(bool machine_crashed, Metrics& metrics);
  Status check_writable() const;
  tree::Node with_draft(tree::Node node);
  Status check_accepted(InodeId parent);
  Result<tree::Node> changeable(const Context& context, InodeId inode);
  std::vector<InodeId> unsent_below(InodeId inode);

  VolumeFolder folder_;
  const VfsOptions options_;
  drive::RemoteStore& store_;
  Clock& clock_;
  ObserverRelay relay_;
  transfer::Scheduler scheduler_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<JournalInodes> inodes_;
  std::unique_ptr<JournalChanges> own_changes_;
  std::unique_ptr<cache::ContentCache> cache_;
  std::unique_ptr<tree::Tree> tree_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<transfer::Fetcher> fetcher_;
  std::unique_ptr<PastCache> past_cache_;
  std::unique_ptr<Blobs> blobs_;
  std::unique_ptr<WholeFetch> whole_fetch_;
  std::unique_ptr<LocalSiblings> sibling_source_;
  std::unique_ptr<Siblings> siblings_;
  FolderWatch folder_watch_;
  std::unique_ptr<Drafts> drafts_;
  std::unique_ptr<View> view_;
  OpenNodes open_nodes_;
  LateOpens late_opens_{[this](const tree::Node& node) { return opener_->open_here(node); }};
  std::unique_ptr<LocalWrites> writes_;
  std::unique_ptr<RowWatch> row_watch_;
  std::unique_ptr<Recovery> recovery_;
  std::unique_ptr<Changing> changing_;
  std::unique_ptr<LocalParts> local_side_;
  std::unique_ptr<journal::Sender> sender_;
  std::unique_ptr<Opener> opener_;
  bool opened_ = false;
};

}  // namespace driveway::vfs
