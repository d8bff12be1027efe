#include "tree/tree.h"

#include <atomic>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "tree/account.h"
#include "tree/directories.h"
#include "tree/feed.h"
#include "tree/feed_token.h"
#include "tree/item_fetcher.h"
#include "tree/layout.h"
#include "tree/merge.h"
#include "tree/posix.h"
#include "tree/resolve_path.h"
#include "tree/views.h"
#include "tree/walk.h"

namespace driveway::tree {
namespace {

constexpr std::string_view kShownAs = "shown_as";
constexpr std::string_view kWithLost = "+lost";
constexpr int kMaxAttempts = 4;

Error unresolved(InodeId inode) {
  return {ErrorCode::kUnavailable,
          cat("the target of the shortcut with inode ", inode, " is not known yet"), true};
}

// What decides which names are shown where; rows made under another one do not fit.
std::string shown_as(const TreeOptions& options) {
  return cat(options.layout == Layout::kColab ? "colab" : "root",
             options.lost_and_found ? kWithLost : "", ",", options.docs.text());
}

// The inverse of shown_as().
void show_as(std::string_view text, TreeOptions& options) {
  options.layout = text.starts_with("root") ? Layout::kRoot : Layout::kColab;
  options.lost_and_found = text.substr(0, text.find(',')).ends_with(kWithLost);
  const auto docs = DocsMode::parse(text.substr(std::min(text.find(','), text.size() - 1) + 1));
  options.docs = docs.ok() ? *docs : DocsMode::kLink;
}

Status prepare(MetaStore& store, TreeOptions& options, const Clock& clock) {
  DRIVEWAY_TRY(MetaWriter meta, store.write());
  DRIVEWAY_TRY(const auto before, meta.head(kShownAs));
  if (options.as_shown_last && before) show_as(*before, options);
  if (before != shown_as(options)) {
    DRIVEWAY_CHECK(meta.forget_items());
    DRIVEWAY_CHECK(meta.put_head(kShownAs, shown_as(options)));
    if (!before) DRIVEWAY_CHECK(meta.put_begun(clock.wall_now()));
    for (const FixedEntry& each : fixed_entries(options.layout, options.lost_and_found)) {
      Dentry dentry;
      dentry.inode = InodeId(each.inode);
      dentry.kind = EntryKind::kDirectory;
      dentry.fixed = true;
      DRIVEWAY_CHECK(meta.put(kRootInode, each.name, dentry));
    }
    DRIVEWAY_TRY(const auto about, meta.about());
    if (about) DRIVEWAY_CHECK(meta.put_id(about->root, my_drive_inode(options.layout)));
  }
  DRIVEWAY_CHECK(meta.bury());
  return meta.commit();
}

}  // namespace

class TreeImpl final : public Tree {
 public:
  TreeImpl(std::unique_ptr<MetaStore> meta, const TreeOptions& options, drive::RemoteStore& store,
           transfer::Scheduler& scheduler, InodeSource& inodes, Clock& clock, Metrics& metrics,
           const OwnChanges* own)
      : meta_(std::move(meta)),
        parts_{options, *meta_, store, scheduler, inodes, clock, metrics, own},
        lookups_(metrics.counter("tree.lookups")),
        lists_(metrics.counter("tree.lists")),
        account_(parts_),
        walk_(parts_),
        planner_(parts_, fragile_,
                 {[this](const Events& events) { tell(events); },
                  [this](const std::vector<ListTarget>& targets) {
                    walk_.listed_ahead(planner_, targets);
                  },
                  [this] { return walk_.may_go_ahead(); }}),
        items_(parts_, [this](const Events& events) { tell(events); }),
        feed_(parts_, planner_, fragile_, [this](const Events& events) { tell(events); }) {}

  ~TreeImpl() override {
    feed_.stop();
    planner_.stop();
    items_.stop();
    if (const Status synced = meta_->sync(); !synced.ok()) log::warn(synced.error());
  }

  Status start(const Context& context, TreeObserver* observer) override {
    observer_.store(observer);
    DRIVEWAY_CHECK(account_.learn(context));
    DRIVEWAY_TRY(const bool warm, knows_feed());
    DRIVEWAY_TRY(const std::uint64_t epoch, follow_feed(context, parts_, std::nullopt));
    static_cast<void>(epoch);
    feed_.start(warm);
    return {};
  }

  Result<Node> lookup(const Context& context, InodeId parent, std::string_view name) override {
    lookups_.add();
    DRIVEWAY_TRY(const InodeId real, make_listed(context, parent));
    return resolved_node(context, [&] { return find_child(parent, real, name); });
  }

  Result<Node> node(InodeId inode) override {
    DRIVEWAY_TRY(const MetaReader meta, meta_->read());
    DRIVEWAY_TRY(auto node, Views(meta, parts_.options).node(inode));
    if (!node) return unresolved(inode);
    return *std::move(node);
  }

  std::vector<std::optional<Node>> nodes(std::span<const InodeId> inodes) override {
    std::vector<std::optional<Node>> found(inodes.size());
    const auto meta = meta_->read();
    if (!meta.ok()) return found;
    const Views views(*meta, parts_.options);
    for (std::size_t i = 0; i < inodes.size(); ++i) {
      auto node = views.node(inodes[i]);
      if (node.ok()) found[i] = std::move(node).value();
    }
    return found;
  }

  Result<std::vector<DirEntry>> list(const Context& context, InodeId directory) override {
    lists_.add();
    DRIVEWAY_TRY(const InodeId real, make_listed(context, directory));
    if (real == kSharedDrivesInode) feed_.want_shared_drives();
    walk_.read(planner_, real);
    return entries(directory, real);
  }

  std::optional<std::vector<DirEntry>> known_list(InodeId directory) override {
    const auto listed = [&]() -> Result<std::optional<InodeId>> {
      DRIVEWAY_TRY(const MetaReader meta, meta_->read());
      DRIVEWAY_TRY(const InodeId real, Views(meta, parts_.options).real_directory(directory));
      DRIVEWAY_TRY(const Completeness known, completeness(meta, real, parts_.options));
      if (known == Completeness::kUnlisted) return std::optional<InodeId>();
      return std::optional(real);
    }();
    if (!listed.ok() || !*listed) return std::nullopt;
    auto found = entries(directory, **listed);
    if (!found.ok()) return std::nullopt;
    return *std::move(found);
  }

  Result<Node> resolve(const Context& context, std::string_view path) override {
    DRIVEWAY_TRY(Node root, node(kRootInode));
    return resolve_path(std::move(root), path, [&](InodeId folder, std::string_view name) {
      return lookup(context, folder, name);
    });
  }

  Result<Node> by_id(const Context& context, const FileId& id) override {
    DRIVEWAY_TRY(const auto known, known_by_id(id));
    if (known.first && known.second) return resolved_node(context, [&] { return inode_of(id); });
    const Status fetched = items_.fetch(context, id);
    const bool usable = known.first && !fetched.failed_with(ErrorCode::kNotFound);
    if (!fetched.ok() && !usable) return fetched.error();
    return resolved_node(context, [&] { return inode_of(id); });
  }

  Result<InodeId> real_directory(InodeId inode) override {
    DRIVEWAY_TRY(const MetaReader meta, meta_->read());
    return Views(meta, parts_.options).real_directory(inode);
  }

  Status renew(const FileId& id) override {
    return change([&](MetaWriter&, Merger& merger) { return merger.renew(id); });
  }

  Result<InodeId> accept(const drive::Item& item) override {
    InodeId home;
    DRIVEWAY_CHECK(change([&](MetaWriter& meta, Merger& merger) -> Status {
      DRIVEWAY_TRY(const auto heard, meta.recent(item.id));
      if (heard && heard->removed) return {};  // since: an id is never used again
      DRIVEWAY_TRY(const auto before, meta.item(item.id));
      DRIVEWAY_TRY(const InodeId inode, merger.merge(item));
      if (!is_fixed(inode)) DRIVEWAY_CHECK(enter_accepted(meta, merger, item, !before));
      DRIVEWAY_TRY(home, merger.home_of(item));
      return {};
    }));
    return home;
  }

  Status forget(const FileId& id) override {
    return change([&](MetaWriter&, Merger& merger) -> Status {
      DRIVEWAY_CHECK(merger.remove(id));
      return merger.remember(id, nullptr);
    });
  }

  std::string shown_name_of(const drive::Item& item) const override {
    return base_name(item, parts_.options);
  }

  Status poll(const Context& context) override { return feed_.poll(context); }
  Result<drive::About> about(const Context& context) override { return account_.about(context); }

  const TreeOptions& options() const override { return parts_.options; }

  TreeStatus status() const override {
    const Feed::Health health = feed_.health();
    TreeStatus status;
    status.feed_healthy = health.healthy;
    status.feed_error = health.error;
    status.last_poll = health.last_poll;
    const auto meta = std::as_const(*meta_).read();
    if (!meta.ok()) return status;
    status.items = meta->count_items().value_or(0);
    status.listed_directories = meta->count_listings().value_or(0);
    return status;
  }

 private:
  void tell(const Events& events) const { events.tell(observer_.load()); }

  // One transaction, of which the observer has been told when it returns.
  template <typename Call>
  Status change(const Call& call) {
    Events events;
    {
      DRIVEWAY_TRY(MetaWriter meta, meta_->write());
      DRIVEWAY_TRY(Merger merger, Merger::begin(meta, events, parts_));
      DRIVEWAY_CHECK(call(meta, merger));
      DRIVEWAY_CHECK(merger.finish());
      DRIVEWAY_CHECK(meta.commit());
    }
    tell(events);
    return {};
  }

  // What listings that lag must not undo (J3): what is known now, be it newer than `item`.
  Status enter_accepted(MetaWriter& meta, Merger& merger, const drive::Item& item, bool is_new) {
    DRIVEWAY_TRY(const auto row, meta.item(item.id));
    if (!row) return {};
    const bool made_here = is_new && item.kind == drive::ItemKind::kFolder &&
                           parts_.own != nullptr && parts_.own->is_fresh_folder(item.id);
    if (made_here) DRIVEWAY_CHECK(merger.begin_listing(*row));
    return merger.remember(item.id, &row->item);
  }

  Result<bool> knows_feed() const {
    DRIVEWAY_TRY(const MetaReader meta, std::as_const(*meta_).read());
    DRIVEWAY_TRY(const auto feed, meta.feed(std::nullopt));
    return feed.has_value();
  }

  // Sees to it that the entries of `directory` are in `meta`. Gives the folder whose they are.
  Result<InodeId> make_listed(const Context& context, InodeId directory) {
    InodeId real;
    ListTarget target;
    {
      DRIVEWAY_TRY(const MetaReader meta, meta_->read());
      DRIVEWAY_TRY(real, Views(meta, parts_.options).real_directory(directory));
      DRIVEWAY_TRY(const Completeness known, completeness(meta, real, parts_.options));
      if (known != Completeness::kUnlisted) return real;
      if (real != kSharedDrivesInode) {
        DRIVEWAY_TRY(target, list_target(meta, real, parts_.options));
      }
    }
    if (real == kSharedDrivesInode) {
      DRIVEWAY_CHECK(feed_.read_shared_drives(context));
    } else {
      DRIVEWAY_CHECK(planner_.list(context, target));
    }
    return real;
  }

  // The inode of an entry in a view (views.h), made where there is none yet.
  Result<InodeId> alias(InodeId view, const Dentry& dentry) {
    DRIVEWAY_TRY(MetaWriter meta, meta_->write());
    DRIVEWAY_TRY(const auto known, meta.alias_of(view, dentry.inode));
    if (known) return *known;
    DRIVEWAY_TRY(const InodeId inode, parts_.inodes.allocate());
    DRIVEWAY_CHECK(meta.put_alias(inode, dentry.inode, Views::alias_row(view, dentry)));
    DRIVEWAY_CHECK(meta.commit());
    return inode;
  }

  Result<InodeId> find_child(InodeId directory, InodeId real, std::string_view name) {
    Dentry dentry;
    {
      DRIVEWAY_TRY(const MetaReader meta, meta_->read());
      DRIVEWAY_TRY(auto found, meta.dentry(real, name));
      if (!found) return Error{ErrorCode::kNotFound, cat("no '", name, "' here")};
      dentry = *std::move(found);
      if (directory == real || !Views::needs_alias(dentry.kind)) return dentry.inode;
      DRIVEWAY_TRY(const auto known, meta.alias_of(directory, dentry.inode));
      if (known) return *known;
    }
    return alias(directory, dentry);
  }

  Result<std::vector<DirEntry>> entries(InodeId directory, InodeId real) {
    std::vector<DirEntry> entries;
    std::vector<std::pair<std::size_t, Dentry>> without_alias;
    std::vector<FileId> unknown;
    {
      DRIVEWAY_TRY(const MetaReader meta, meta_->read());
      const Views views(meta, parts_.options);
      Status failed;
      DRIVEWAY_CHECK(meta.each_dentry(real, [&](std::string_view name, const Dentry& dentry) {
        entries.push_back({std::string(name), dentry.inode, node_kind(dentry.kind)});
        failed =
            look_closer(meta, views, directory, directory != real, dentry, entries.back(), unknown);
        if (entries.back().inode.value() == 0)
          without_alias.emplace_back(entries.size() - 1, dentry);
        return failed.ok();
      }));
      DRIVEWAY_CHECK(std::move(failed));
    }
    for (const auto& [index, dentry] : without_alias) {
      DRIVEWAY_TRY(entries[index].inode, alias(directory, dentry));
    }
    if (!unknown.empty()) items_.fetch_ahead(unknown);
    return entries;
  }

  // What a shortcut, or an entry of a view, is beyond its dentry. Inode 0: it needs an alias.
  Status look_closer(const MetaReader& meta, const Views& views, InodeId directory, bool in_view,
                     const Dentry& dentry, DirEntry& entry, std::vector<FileId>& unknown) const {
    if (dentry.kind == EntryKind::kFileShortcut || dentry.kind == EntryKind::kFolderShortcut) {
      DRIVEWAY_TRY(entry.kind, views.kind_in(directory, dentry));
      DRIVEWAY_TRY(auto id, unknown_target(views, dentry.inode));
      if (id) unknown.push_back(*std::move(id));
    }
    if (!in_view || !Views::needs_alias(dentry.kind)) return {};
    DRIVEWAY_TRY(const auto alias, meta.alias_of(directory, dentry.inode));
    entry.inode = alias.value_or(InodeId());
    return {};
  }

  // The target that must be asked for before the shortcut `inode` can be shown (as it is now).
  static Result<std::optional<FileId>> unknown_target(const Views& views, InodeId inode,
                                                      bool* usable = nullptr) {
    DRIVEWAY_TRY(const auto shortcut, views.shortcut_behind(inode));
    if (!shortcut || shortcut->superseded) return std::optional<FileId>();
    DRIVEWAY_TRY(const Target target, views.target(*shortcut));
    const bool stale = target.state == Target::State::kStale;
    if (!stale && target.state != Target::State::kUnknown) return std::optional<FileId>();
    if (usable != nullptr) *usable = stale;
    return std::optional(shortcut->item.shortcut->target);
  }

  // The node of find(); the target of a shortcut is asked for where it must be.
  template <typename Find>
  Result<Node> resolved_node(const Context& context, const Find& find) {
    for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
      DRIVEWAY_TRY(const InodeId inode, find());
      std::optional<FileId> missing;
      bool usable = false;
      {
        DRIVEWAY_TRY(const MetaReader meta, meta_->read());
        const Views views(meta, parts_.options);
        DRIVEWAY_TRY(missing, unknown_target(views, inode, &usable));
      }
      if (!missing) return node(inode);
      const Status fetched = items_.fetch(context, *missing);
      if (fetched.ok() || fetched.failed_with(ErrorCode::kNotFound)) continue;
      if (usable) return node(inode);  // old, but Drive does not answer
      return fetched.error();
    }
    DRIVEWAY_TRY(const InodeId inode, find());
    return node(inode);
  }

  // Whether the item is known, and whether what is known is sure to be so still.
  Result<std::pair<bool, bool>> known_by_id(const FileId& id) const {
    DRIVEWAY_TRY(const MetaReader meta, std::as_const(*meta_).read());
    DRIVEWAY_TRY(const auto inode, meta.inode_of(id));
    if (inode && is_fixed(*inode)) return std::pair(true, true);
    DRIVEWAY_TRY(const auto row, meta.item(id));
    if (!row) return std::pair(false, false);
    DRIVEWAY_TRY(const std::uint64_t epoch, meta.epoch_of(row->item.drive));
    return std::pair(true, epoch != 0 && row->epoch == epoch);
  }

  Result<InodeId> inode_of(const FileId& id) const {
    DRIVEWAY_TRY(const MetaReader meta, std::as_const(*meta_).read());
    DRIVEWAY_TRY(const auto inode, meta.inode_of(id));
    if (!inode) return Error{ErrorCode::kNotFound, cat("no item ", id)};
    return *inode;
  }

  const std::unique_ptr<MetaStore> meta_;
  TreeParts parts_;
  Counter& lookups_;
  Counter& lists_;
  std::atomic<TreeObserver*> observer_{nullptr};
  FragileListings fragile_;
  Account account_;
  Walk walk_;
  Planner planner_;
  ItemFetcher items_;
  Feed feed_;
};

Result<std::unique_ptr<Tree>> Tree::open(const std::filesystem::path& folder,
                                         const TreeOptions& options, drive::RemoteStore& store,
                                         transfer::Scheduler& scheduler, InodeSource& inodes,
                                         Clock& clock, Metrics& metrics, const OwnChanges* own) {
  DRIVEWAY_TRY(auto meta, MetaStore::open(folder));
  DRIVEWAY_CHECK(DRIVEWAY_FAULT_STATUS("tree.open"));
  TreeOptions shown = options;
  DRIVEWAY_CHECK(prepare(*meta, shown, clock));
  return std::unique_ptr<Tree>(std::make_unique<TreeImpl>(std::move(meta), shown, store, scheduler,
                                                          inodes, clock, metrics, own));
}

}  // namespace driveway::tree
