#include "vfs/drafts.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "vfs/draft.h"
#include "vfs/draft_snapshot.h"

namespace driveway::vfs {
namespace {

// The rows that name a content.
std::vector<journal::Change> rows_with_content(const journal::Journal& journal) {
  return journal.look([](const journal::ChangeSet& set) {
    std::vector<journal::Change> rows;
    for (const InodeId inode : set.dirty()) {
      const journal::Change* const change = set.find(inode);
      if (change != nullptr && change->wanted.content) rows.push_back(*change);
    }
    return rows;
  });
}

// Whether what shows through is of the item that the row is of, and not of another one (J6).
bool is_over_its_item(const journal::Change& row) {
  const journal::ContentBase& base = row.wanted.content->bytes.base;
  return row.known.exists && base.id == row.known.id && base.revision == row.known.head_revision;
}

void warn_of_fall(const journal::Change& row) {
  log::warn("\"", row.name(),
            "\": what was written last did not reach the disk before the machine ",
            "stopped: it is as it was before");
}

}  // namespace

// Its mutex is a leaf.
class DraftTable final : public Drafts {
 public:
  explicit DraftTable(const Parts& parts)
      : parts_(parts), freed_(parts.cache, parts.journal), timer_("drafts", parts.clock) {}
  ~DraftTable() override;

  Status load(bool machine_crashed);

  std::shared_ptr<Draft> find(InodeId inode) const override;
  Result<std::shared_ptr<Draft>> open_draft(const tree::Node& node) override;
  Result<std::shared_ptr<Draft>> begin_new(InodeId inode, WallTime modified,
                                           std::string_view bytes) override;
  Result<journal::ContentState> state(Draft& draft) override {
    return static_cast<OverlayDraft&>(draft).first_state();
  }
  void move(InodeId from, InodeId to) override;
  Status rename_over(InodeId inode, const std::function<Status()>& rename) override {
    const auto draft = at(inode);
    return draft == nullptr ? rename() : draft->while_whole(rename);
  }
  void unnamed(InodeId inode) override;
  Status sync_all() override { return unsynced_.sync_all(); }
  void synced(std::uint64_t sequence) override { freed_.synced(sequence); }
  void stop() override { timer_.stop(); }
  std::vector<Damaged> damaged() const override;
  Result<std::unique_ptr<journal::Snapshot>> snapshot(const Context& context,
                                                      InodeId inode) override;
  Status confirmed(InodeId inode, const journal::Snapshot* snapshot,
                   const drive::Item& item) override;
  void settled(InodeId inode) override;

 private:
  std::shared_ptr<OverlayDraft> at(InodeId inode) const;
  std::shared_ptr<OverlayDraft> make(InodeId inode, std::optional<drive::Item> item,
                                     WallTime modified) const {
    return std::make_shared<OverlayDraft>(OverlayDraft::Services{parts_, unsynced_, freed_, timer_},
                                          inode, std::move(item), modified);
  }
  Status load(journal::Change row, bool machine_crashed);
  Status fall_back(journal::Change& row, DraftState& state);
  Status revert(const journal::Change& row);
  void enter(InodeId inode, const std::shared_ptr<OverlayDraft>& draft);

  const Parts parts_;
  mutable UnsyncedContents unsynced_;
  mutable FreedContents freed_;
  mutable Timer timer_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<InodeId, std::weak_ptr<OverlayDraft>> drafts_;
  std::size_t most_ = 64;  // entries, until those that have ended are looked for
  std::map<InodeId, Damaged> damaged_;
};

Result<std::unique_ptr<Drafts>> Drafts::open(const Parts& parts, bool machine_crashed) {
  auto drafts = std::make_unique<DraftTable>(parts);
  DRIVEWAY_CHECK(drafts->load(machine_crashed));
  return std::unique_ptr<Drafts>(std::move(drafts));
}

std::vector<std::uint64_t> Drafts::numbers(const journal::Journal& journal, bool machine_crashed) {
  std::vector<std::uint64_t> numbers;
  for (const journal::Change& row : rows_with_content(journal)) {
    const journal::ContentState& bytes = row.wanted.content->bytes;
    numbers.push_back(bytes.number);
    if (!machine_crashed) continue;
    const auto state = decode_draft_state(bytes.state);
    if (!state.ok() || !state->former || state->former->empty()) continue;
    const auto former = cache::ContentCache::dirty_number(*state->former);
    if (former.ok() && *former != bytes.number) numbers.push_back(*former);
  }
  return numbers;
}

// --- The start

Status DraftTable::load(bool machine_crashed) {
  for (const journal::Change& row : rows_with_content(parts_.journal)) {
    const Status loaded = load(row, machine_crashed);
    if (!loaded.failed_with(ErrorCode::kCorrupt)) {
      DRIVEWAY_CHECK(loaded);
      continue;
    }
    const Bytes size = row.wanted.content->bytes.size;
    log::error("\"", row.name(),
               "\": what was written is kept, but cannot be read: ", loaded.error());
    damaged_[row.inode] = {row.inode, row.name(), {{0, size}}};
  }
  return {};
}

// D2: what had been synced before is there, though what was written over it did not reach the disk.
Status DraftTable::fall_back(journal::Change& row, DraftState& state) {
  warn_of_fall(row);
  if (state.former->empty()) {
    const drive::Item item = base_item(row.wanted.content->bytes.base, state, row.name());
    std::shared_ptr<cache::Content> base;
    if (const auto id = drive::content_id(item); id && item.size.value_or(0) > 0) {
      DRIVEWAY_TRY(base, parts_.cache.open_content(*id, *item.size));
    }
    DRIVEWAY_TRY(auto taken, parts_.cache.begin_dirty(std::move(base))->state());
    state.dirty = std::move(taken.bytes);
  } else {
    state.dirty = *std::move(state.former);
  }
  state.former.reset();
  state.on_disk = true;
  journal::ContentState& bytes = row.wanted.content->bytes;
  DRIVEWAY_TRY(bytes.number, cache::ContentCache::dirty_number(state.dirty));
  DRIVEWAY_TRY(const auto dirty, parts_.cache.open_dirty(state.dirty, cache::Check::kAll));
  bytes.size = dirty->size();
  bytes.state = encode(state);
  bytes.truncated_only = false;
  return parts_.journal.change({}, journal::Purpose::kProgress,
                               [&](journal::ChangeSet& set, WallTime now) {
                                 return set.synced(row.inode, bytes, std::nullopt, now);
                               });
}

// The same where that is what Drive has. If something was sent of it meanwhile, Drive may have that
// in its place: then it is what the file is, newer and whole (J2).
Status DraftTable::revert(const journal::Change& row) {
  warn_of_fall(row);
  return parts_.journal.change(
      {}, journal::Purpose::kProgress,
      [&](journal::ChangeSet& set, WallTime /*now*/) { return set.reverted(row.inode); });
}

Status DraftTable::load(journal::Change row, bool machine_crashed) {
  DRIVEWAY_TRY(DraftState state, decode_draft_state(row.wanted.content->bytes.state));
  if (machine_crashed && state.former && row.wanted.content->acknowledged) {
    DRIVEWAY_TRY(const bool intact, parts_.cache.is_intact(state.dirty));
    if (!intact && state.former->empty() && is_over_its_item(row)) return revert(row);
    if (!intact) DRIVEWAY_CHECK(fall_back(row, state));
  }
  const cache::Check check = machine_crashed ? cache::Check::kAll : cache::Check::kNone;
  DRIVEWAY_TRY(auto dirty, parts_.cache.open_dirty(state.dirty, check));
  // D2: bytes that had been synced before their record are there, or others that were written over
  // them later.
  bool overwritten = !machine_crashed && dirty->touched();
  if (state.on_disk && !dirty->damaged().empty()) {
    overwritten = true;
    if (const Status accepted = dirty->accept_damaged(); !accepted.ok()) {
      log::warn("\"", row.name(), "\": ", accepted.error());
    }
  }
  if (auto ranges = dirty->damaged(); !ranges.empty()) {
    log::error("\"", row.name(), "\": ", ranges.size(),
               " part(s) of what was written did not reach ",
               "the disk before the machine stopped, the first at byte ", ranges.front().offset,
               ": it is kept and not sent");
    damaged_[row.inode] = {row.inode, row.name(), std::move(ranges)};
  }
  auto draft = make(row.inode, std::nullopt, WallTime());
  draft->restore(row, state, std::move(dirty), overwritten);
  const std::lock_guard lock(mutex_);
  enter(row.inode, draft);
  return {};
}

DraftTable::~DraftTable() {
  timer_.stop();
  for (const auto& [inode, entry] : drafts_) {
    if (const auto draft = entry.lock()) draft->let_go();
  }
}

// But for what was written over since.
std::vector<Drafts::Damaged> DraftTable::damaged() const {
  std::vector<Damaged> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [inode, damaged] : damaged_) all.push_back(damaged);
  }
  std::erase_if(all, [this](const Damaged& damaged) {
    const auto draft = at(damaged.inode);
    return draft != nullptr && !draft->is_damaged();
  });
  return all;
}

// --- Coming and going

std::shared_ptr<OverlayDraft> DraftTable::at(InodeId inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = drafts_.find(inode);
  return found == drafts_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<Draft> DraftTable::find(InodeId inode) const {
  auto draft = at(inode);
  if (draft == nullptr) return nullptr;
  if (!draft->dirty() && !draft->has_writers() && !draft->keeps_itself()) return nullptr;
  return draft;
}

Result<std::shared_ptr<Draft>> DraftTable::open_draft(const tree::Node& node) {
  const auto has_ended = [&] {
    return Error{ErrorCode::kStale, cat("\"", node.item->name, "\" has just been uploaded"), true};
  };
  auto draft = at(node.inode);
  if (draft == nullptr) {
    if (!node.item) {
      return Error{ErrorCode::kUnsupported, "the file has no content that can be changed"};
    }
    if (!drive::content_id(*node.item)) return has_ended();
    draft = make(node.inode, node.item, node.modified);
    const std::lock_guard lock(mutex_);
    const auto found = drafts_.find(node.inode);
    auto other = found == drafts_.end() ? nullptr : found->second.lock();
    if (other == nullptr) {
      enter(node.inode, draft);
    } else {
      draft.swap(other);  // somebody was faster
    }
  }
  if (node.item && !draft->refresh(*node.item, node.modified)) return has_ended();
  return std::shared_ptr<Draft>(std::move(draft));
}

Result<std::shared_ptr<Draft>> DraftTable::begin_new(InodeId inode, WallTime modified,
                                                     std::string_view bytes) {
  auto draft = make(inode, std::nullopt, modified);
  DRIVEWAY_CHECK(draft->begin_new(bytes));
  const std::lock_guard lock(mutex_);
  enter(inode, draft);
  return std::shared_ptr<Draft>(std::move(draft));
}

// With mutex_ held.
void DraftTable::enter(InodeId inode, const std::shared_ptr<OverlayDraft>& draft) {
  if (drafts_.size() >= most_) {
    std::erase_if(drafts_, [](const auto& entry) { return entry.second.expired(); });
    most_ = std::max<std::size_t>(64, 2 * drafts_.size());
  }
  drafts_[inode] = draft;
}

void DraftTable::move(InodeId from, InodeId to) {
  std::shared_ptr<OverlayDraft> draft;
  {
    const std::lock_guard lock(mutex_);
    if (auto entry = damaged_.extract(from); !entry.empty()) {
      entry.key() = entry.mapped().inode = to;
      damaged_.insert(std::move(entry));
    }
    auto entry = drafts_.extract(from);
    if (entry.empty()) return;
    draft = entry.mapped().lock();
    drafts_[to] = draft;
  }
  if (draft != nullptr) draft->set_inode(to);
}

void DraftTable::unnamed(InodeId inode) {
  if (const auto draft = at(inode)) draft->unnamed();
  const std::lock_guard lock(mutex_);
  damaged_.erase(inode);
}

// --- For the sender

Result<std::unique_ptr<journal::Snapshot>> DraftTable::snapshot(const Context& context,
                                                                InodeId inode) {
  if (const auto draft = at(inode)) return draft->snapshot(context);
  const std::lock_guard lock(mutex_);
  if (const auto found = damaged_.find(inode); found != damaged_.end()) {
    return Error{ErrorCode::kCorrupt, cat("\"", found->second.name,
                                          "\": what was written cannot be read: it is kept "
                                          "here and not sent")};
  }
  return Error{ErrorCode::kNotFound, "the file has nothing that Drive lacks"};
}

Status DraftTable::confirmed(InodeId inode, const journal::Snapshot* snapshot,
                             const drive::Item& item) {
  const auto draft = at(inode);
  return draft == nullptr ? Status() : draft->confirmed(snapshot, item);
}

void DraftTable::settled(InodeId inode) {
  if (const auto draft = at(inode)) draft->settled();
  const std::lock_guard lock(mutex_);
  damaged_.erase(inode);
}

}  // namespace driveway::vfs
