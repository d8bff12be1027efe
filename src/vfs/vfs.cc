#include "vfs/vfs.h"

#include <algorithm>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "journal/inode_allocator.h"
#include "vfs/attributes.h"
#include "vfs/blob.h"
#include "vfs/open_file.h"
#include "vfs/sibling_source.h"
#include "vfs/siblings.h"
#include "vfs/verifier.h"
#include "vfs/volume_folder.h"

namespace driveway::vfs {
namespace {

// What statfs shows where the account has no limit (drive-api reference 8.7: unlimited or pooled
// storage).
constexpr Bytes kUnlimitedStorage = 1024 * 1024 * kGiB;
constexpr Bytes kMaxSymlinkTarget = 4096;  // PATH_MAX
// A content that is fetched as a whole is fetched in steps of this, two at a time.
constexpr Bytes kFetchStep = 128 * kMiB;

class JournalInodes final : public tree::InodeSource {
 public:
  explicit JournalInodes(std::unique_ptr<journal::InodeAllocator> allocator)
      : allocator_(std::move(allocator)) {}
  Result<InodeId> allocate() override { return allocator_->allocate(); }

 private:
  std::unique_ptr<journal::InodeAllocator> allocator_;
};

// Passes on to the observers of the moment.
class ObserverRelay final : public tree::TreeObserver {
 public:
  void add(tree::TreeObserver& observer) {
    const std::unique_lock lock(mutex_);
    observers_.push_back(&observer);
  }
  void remove(tree::TreeObserver& observer) {
    const std::unique_lock lock(mutex_);
    std::erase(observers_, &observer);
  }
  void entry_changed(InodeId parent, const std::string& name,
                     std::optional<InodeId> child) override {
    const std::shared_lock lock(mutex_);
    for (auto* observer : observers_) observer->entry_changed(parent, name, child);
  }
  void attributes_changed(InodeId inode) override {
    const std::shared_lock lock(mutex_);
    for (auto* observer : observers_) observer->attributes_changed(inode);
  }
  void directory_changed(InodeId inode) override {
    const std::shared_lock lock(mutex_);
    for (auto* observer : observers_) observer->directory_changed(inode);
  }

 private:
  std::shared_mutex mutex_;
  std::vector<tree::TreeObserver*> observers_;
};

// Files that came or went are siblings that came or went.
class FolderWatch final : public tree::TreeObserver {
 public:
  void tell(Siblings* siblings) { siblings_ = siblings; }
  void entry_changed(InodeId, const std::string&, std::optional<InodeId>) override {}
  void attributes_changed(InodeId) override {}
  void directory_changed(InodeId inode) override { siblings_->folder_changed(inode); }

 private:
  Siblings* siblings_ = nullptr;
};

class StringSink final : public ByteSink {
 public:
  explicit StringSink(Bytes limit) : limit_(limit) {}
  Status write(std::span<const std::byte> data) override {
    if (text_.size() + data.size() > limit_) {
      return Error{ErrorCode::kTooLarge, cat("larger than ", format_size(limit_))};
    }
    text_.append(reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  std::string take() { return std::move(text_); }

 private:
  const Bytes limit_;
  std::string text_;
};

// R3: what is on its way may take a quarter of the memory that there is.
transfer::SchedulerOptions with_memory(transfer::SchedulerOptions options) {
  options.bytes_in_flight = transfer::bytes_in_flight_for_memory(options.bytes_in_flight);
  return options;
}

class VfsImpl final : public Vfs {
 public:
  VfsImpl(VolumeFolder folder, const VfsOptions& options, drive::RemoteStore& store, Clock& clock,
          Metrics& metrics)
      : folder_(std::move(folder)),
        store_(store),
        clock_(clock),
        scheduler_(with_memory(options.scheduler), clock, metrics) {}

  ~VfsImpl() override {
    relay_.remove(folder_watch_);
    siblings_.reset();
    blobs_.reset();
    fetcher_.reset();
    verifier_.reset();
    tree_.reset();
    cache_.reset();
    inodes_.reset();
    if (opened_) {
      if (const Status marked = folder_.mark_clean(); !marked.ok()) log::warn(marked.error());
    }
  }

  Status open_parts(const VfsOptions& options, Clock& clock, Metrics& metrics) {
    const auto& path = folder_.path();
    if (folder_.machine_crashed()) DRIVEWAY_CHECK(forget_untrusted());
    DRIVEWAY_TRY(auto allocator, journal::open_inode_allocator(path / "journal"));
    inodes_ = std::make_unique<JournalInodes>(std::move(allocator));
    DRIVEWAY_TRY(cache_, cache::ContentCache::open(path, options.cache, clock, metrics));
    DRIVEWAY_TRY(tree_, tree::Tree::open(path / "meta", options.tree, store_, scheduler_, *inodes_,
                                         clock, metrics));
    fetcher_ =
        std::make_unique<transfer::Fetcher>(options.fetcher, store_, scheduler_, clock, metrics);
    verifier_ = std::make_unique<Verifier>(*cache_, metrics);
    past_cache_ = std::make_unique<PastCache>(store_, scheduler_, clock);
    blobs_ = std::make_unique<Blobs>(*cache_, *fetcher_, *past_cache_, *verifier_,
                                     options.cache.capacity / 2, clock, metrics);
    blobs_->on_stale([this](const Context& context) {
      if (const Status polled = tree_->poll(context); !polled.ok()) {
        log::debug("what was replaced is not known yet: ", polled.error());
      }
    });
    sibling_source_ = std::make_unique<LocalSiblings>(*tree_, *cache_, *blobs_, *fetcher_, store_);
    siblings_ = std::make_unique<Siblings>(siblings_options(options.cache.capacity),
                                           *sibling_source_, clock, metrics);
    folder_watch_.tell(siblings_.get());
    relay_.add(folder_watch_);
    opened_ = true;
    return {};
  }

  Status start(const Context& context) override { return tree_->start(context, &relay_); }
  void add_observer(tree::TreeObserver& observer) override { relay_.add(observer); }
  void remove_observer(tree::TreeObserver& observer) override { relay_.remove(observer); }

  Result<tree::Node> lookup(const Context& context, InodeId parent,
                            std::string_view name) override {
    return tree_->lookup(context, parent, name);
  }
  Result<tree::Node> node(InodeId inode) override { return tree_->node(inode); }
  std::vector<std::optional<tree::Node>> nodes(std::span<const InodeId> inodes) override {
    return tree_->nodes(inodes);
  }
  Result<std::vector<tree::DirEntry>> list(const Context& context, InodeId directory) override {
    return tree_->list(context, directory);
  }
  Result<tree::Node> resolve(const Context& context, std::string_view path) override {
    return tree_->resolve(context, path);
  }
  Result<tree::Node> by_id(const Context& context, const FileId& id) override {
    return tree_->by_id(context, id);
  }

  Result<std::shared_ptr<OpenFile>> open_file(const Context& context, InodeId inode) override {
    DRIVEWAY_TRY(tree::Node node, tree_->node(inode));
    if (node.kind == tree::NodeKind::kDirectory) {
      return Error{ErrorCode::kIsADirectory, cat("inode ", inode, " is a directory")};
    }
    return open_node(context, std::move(node));
  }

  Result<std::string> read_link(const Context& context, InodeId inode) override {
    DRIVEWAY_TRY(tree::Node node, tree_->node(inode));
    if (node.kind != tree::NodeKind::kSymlink) {
      return Error{ErrorCode::kInvalidArgument, cat("inode ", inode, " is not a symlink")};
    }
    const Bytes size = node.content == tree::ContentKind::kLink ? node.link_text.size() : node.size;
    if (size > kMaxSymlinkTarget) {
      return Error{ErrorCode::kNameTooLong, cat("the target of the symlink has ", size, " bytes")};
    }
    DRIVEWAY_TRY(const auto file, open_node(context, std::move(node)));
    std::string target(size, '\0');
    DRIVEWAY_TRY(const std::size_t count,
                 file->read(context, 0, std::as_writable_bytes(std::span(target))));
    target.resize(count);
    return target;
  }

  Result<std::vector<std::string>> list_attributes(InodeId inode) override {
    DRIVEWAY_TRY(const tree::Node node, tree_->node(inode));
    std::vector<std::string> names;
    for (auto& [name, value] : drive_attributes(node)) names.push_back(std::move(name));
    return names;
  }

  Result<std::string> attribute(InodeId inode, std::string_view name) override {
    DRIVEWAY_TRY(const tree::Node node, tree_->node(inode));
    for (auto& [own_name, value] : drive_attributes(node)) {
      if (own_name == name) return std::move(value);
    }
    return Error{ErrorCode::kNotFound, cat("no attribute ", name)};
  }

  Result<Space> space(const Context& context) override {
    DRIVEWAY_TRY(const drive::About about, tree_->about(context));
    Space space;
    space.total = about.storage_limit.value_or(kUnlimitedStorage);
    space.free = space.total - std::min(space.total, about.usage);
    space.items = tree_->status().items;
    return space;
  }

  Result<drive::About> about(const Context& context) override { return tree_->about(context); }
  Status poll(const Context& context) override { return tree_->poll(context); }
  tree::TreeStatus tree_status() const override { return tree_->status(); }
  const tree::TreeOptions& tree_options() const override { return tree_->options(); }
  cache::ContentCache& cache() override { return *cache_; }

  Status fetch_content(const Context& context, const tree::Node& node) override {
    if (node.content != tree::ContentKind::kBlob) {
      return Error{ErrorCode::kUnsupported, cat("inode ", node.inode, " has no content in Drive")};
    }
    DRIVEWAY_TRY(auto blob, blobs_->open(*node.item, node.inode));
    Status fetched = fetch_whole(context, blob);
    if (!fetched.ok() && blob->item().id != node.item->id && context.check(clock_).ok()) {
      // Its bytes were to come from another item of equal content, which may have gone.
      blob->retire();
      DRIVEWAY_TRY(blob, blobs_->open(*node.item, node.inode));
      fetched = fetch_whole(context, blob);
    }
    return fetched;
  }

 private:
  // Unopened: what is damaged may show only when it is written to.
  Status forget_untrusted() {
    DRIVEWAY_CHECK(cache::ContentCache::erase(folder_.path()));
    std::error_code error;
    std::filesystem::remove_all(folder_.path() / "meta", error);
    if (error) return errno_error(error.value(), "cannot remove what was known of Drive");
    return folder_.mark_wiped();
  }

  Status fetch_whole(const Context& context, const std::shared_ptr<Blob>& blob) {
    DRIVEWAY_CHECK(blob->check());
    if (blob->content().complete()) return {};
    // Not all at once: others' fetches of the same priority would stand behind it.
    const ByteRange whole{0, blob->content().size()};
    for (ByteRange part{0, kFetchStep}; part.offset < whole.end(); part.offset += part.length) {
      const ByteRange next{part.end(), part.length};
      const auto ahead = fetcher_->want(blob, next.intersect(whole), context.priority);
      const ByteRange now = part.intersect(whole);
      DRIVEWAY_CHECK(fetcher_->ensure(context, blob, now, now));
    }
    return fetcher_->confirm(context, blob);
  }

  // The inode can give no bytes any more: its name shall mean another one.
  void find_successor(const Context& context, const tree::Node& node) {
    blobs_->noticed_stale(context, Blobs::Look::kNow);
    if (!blobs_->misled(node.inode)) return;
    if (const Status renewed = tree_->renew(node.item->id); !renewed.ok()) {
      log::warn("\"", node.item->name, "\" gets no new inode: ", renewed.error());
    }
  }

  Result<std::shared_ptr<OpenFile>> open_node(const Context& context, tree::Node node) {
    switch (node.content) {
      case tree::ContentKind::kBlob: {
        auto opened = blobs_->open(*node.item, node.inode);
        // The kernel looks the name up again, which means the new file by then.
        if (opened.failed_with(ErrorCode::kStale)) find_successor(context, node);
        DRIVEWAY_TRY(auto blob, std::move(opened));
        return std::shared_ptr<OpenFile>(
            std::make_shared<BlobFile>(std::move(node), std::move(blob), *blobs_, *siblings_));
      }
      case tree::ContentKind::kLink: {
        std::string text = node.link_text;
        return std::shared_ptr<OpenFile>(
            std::make_shared<TextFile>(std::move(node), std::move(text), false));
      }
      case tree::ContentKind::kExport: {
        StringSink sink(drive::kMostExported);
        DRIVEWAY_CHECK(store_.export_document(context, node.item->id, node.export_mime, sink));
        return std::shared_ptr<OpenFile>(
            std::make_shared<TextFile>(std::move(node), sink.take(), true));
      }
      case tree::ContentKind::kNone:
        break;
    }
    return Error{ErrorCode::kUnsupported, cat("inode ", node.inode, " has no content")};
  }

  VolumeFolder folder_;
  drive::RemoteStore& store_;
  Clock& clock_;
  ObserverRelay relay_;
  transfer::Scheduler scheduler_;
  std::unique_ptr<JournalInodes> inodes_;
  std::unique_ptr<cache::ContentCache> cache_;
  std::unique_ptr<tree::Tree> tree_;
  std::unique_ptr<Verifier> verifier_;
  std::unique_ptr<transfer::Fetcher> fetcher_;
  std::unique_ptr<PastCache> past_cache_;
  std::unique_ptr<Blobs> blobs_;
  std::unique_ptr<LocalSiblings> sibling_source_;
  std::unique_ptr<Siblings> siblings_;
  FolderWatch folder_watch_;
  bool opened_ = false;
};

}  // namespace

Result<std::unique_ptr<Vfs>> Vfs::open(const std::filesystem::path& folder,
                                       const VfsOptions& options, drive::RemoteStore& store,
                                       Clock& clock, Metrics& metrics) {
  DRIVEWAY_TRY(auto volume, VolumeFolder::acquire(folder, current_boot_id()));
  auto vfs = std::make_unique<VfsImpl>(std::move(volume), options, store, clock, metrics);
  DRIVEWAY_CHECK(vfs->open_parts(options, clock, metrics));
  return std::unique_ptr<Vfs>(std::move(vfs));
}

}  // namespace driveway::vfs
