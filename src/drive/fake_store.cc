#include "drive/fake_store.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "drive/fake_store_parts.h"
#include "drive/query.h"

namespace driveway::drive {
namespace {

constexpr Bytes kExportLimit = 10'000'000;

}  // namespace

using fake::deliver;
using fake::not_found;

Status FakeStore::enter(const Context& context, CallInfo call) {
  call.priority = context.priority;
  {
    const std::lock_guard lock(mutex_);
    log_.push_back(call);
  }
  return faults_.before(context, call);
}

FileId FakeStore::resolve(const FileId& id) const { return id.value() == "root" ? root_ : id; }

const FakeStore::Node* FakeStore::find_node(const FileId& id) const {
  const auto found = nodes_.find(resolve(id));
  return found == nodes_.end() || found->second.gone ? nullptr : &found->second;
}

bool FakeStore::is_trashed(const Item& item) const {
  if (item.explicitly_trashed) return true;
  const Node* up = item.parent ? find_node(*item.parent) : nullptr;
  for (; up != nullptr; up = up->item.parent ? find_node(*up->item.parent) : nullptr) {
    if (up->item.explicitly_trashed) return true;
  }
  return false;
}

Item FakeStore::shown(const Node& node) const {
  Item item = node.item;
  item.trashed = is_trashed(item);
  return item;
}

std::optional<Item> FakeStore::listed(const Node& node) const {
  if (listing_lag_ == Duration::zero()) {
    if (node.gone) return std::nullopt;
    return shown(node);
  }
  const TimePoint then = clock_.now() - listing_lag_;
  const auto last = std::find_if(node.history.rbegin(), node.history.rend(),
                                 [&](const Version& version) { return version.at <= then; });
  if (last == node.history.rend() || last->gone) return std::nullopt;
  Item item = last->item;
  item.trashed = is_trashed(item);
  return item;
}

bool FakeStore::matches(const ListQuery& query, const std::set<FileId>& parents, const Node& node,
                        const Item& item) const {
  switch (query.scope) {
    case ListQuery::Scope::kChildren:
      if (!item.parent || !parents.contains(*item.parent) || item.trashed) return false;
      if (query.drive && item.drive != query.drive) return false;
      return query.name.empty() || item.name == query.name;
    case ListQuery::Scope::kSharedWithMe:
      return node.shared_with_me && !item.trashed;
    case ListQuery::Scope::kTrashed:
      return item.explicitly_trashed && item.drive == query.drive &&
             (item.drive || item.owned_by_me);
    case ListQuery::Scope::kWithoutFolder:
      return !item.parent && item.owned_by_me && !item.drive && !item.trashed && item.id != root_;
  }
  return false;
}

std::vector<const FakeStore::Node*> FakeStore::candidates(const ListQuery& query,
                                                          const std::set<FileId>& parents) const {
  std::vector<const Node*> nodes;
  if (query.scope == ListQuery::Scope::kChildren && listing_lag_ == Duration::zero()) {
    for (const FileId& parent : parents) {
      const auto found = children_.find(parent);
      if (found == children_.end()) continue;
      for (const FileId& child : found->second) nodes.push_back(&nodes_.at(child));
    }
    return nodes;
  }
  for (const auto& [id, node] : nodes_) nodes.push_back(&node);
  std::sort(nodes.begin(), nodes.end(),
            [](const Node* a, const Node* b) { return a->item.id < b->item.id; });
  return nodes;
}

std::string FakeStore::make_token(char kind, std::uint64_t position) const {
  return cat(kind, ":", token_epoch_, ":", position);
}

Result<std::uint64_t> FakeStore::token_position(char kind, const std::string& token) const {
  const auto parts = split(token, ':');
  if (parts.size() == 3 && parts[0] == std::string_view(&kind, 1) &&
      parts[1] == std::to_string(token_epoch_)) {
    if (const auto position = parse_uint(parts[2])) return *position;
  }
  return Error{ErrorCode::kTokenExpired, "the page token is refused"};
}

Result<About> FakeStore::about(const Context& context) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kAbout}));
  const std::lock_guard lock(mutex_);
  About about = about_;
  about.usage += used_;
  about.usage_in_drive += used_;
  for (const auto& [id, node] : nodes_) {
    if (!node.gone && is_trashed(node.item)) about.usage_in_trash += node.counted;
  }
  return about;
}

Result<Item> FakeStore::get(const Context& context, const FileId& id) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kGet, .id = id}));
  const std::lock_guard lock(mutex_);
  const Node* const found = find_node(id);
  if (found == nullptr) return not_found(id);
  return shown(*found);
}

Result<ItemPage> FakeStore::list(const Context& context, const ListQuery& query,
                                 const std::string& page_token) {
  DRIVEWAY_CHECK(enter(
      context,
      {.method = Method::kList, .query = query, .drive = query.drive, .page_token = page_token}));
  const bool children = query.scope == ListQuery::Scope::kChildren;
  if (children && (query.parents.empty() || query.parents.size() > kMostParents)) {
    return Error{ErrorCode::kInvalidArgument, "a listing takes 1 to 50 parents"};
  }
  const std::lock_guard lock(mutex_);
  std::uint64_t first = 0;
  if (!page_token.empty()) {
    DRIVEWAY_TRY(first, token_position('p', page_token));
  }
  ItemPage page;
  page.incomplete = incomplete_;
  if (children && query.parents.size() > 1 && empty_grouped_ > 0) {
    --empty_grouped_;
    return page;
  }
  std::set<FileId> parents;
  for (const FileId& parent : query.parents) parents.insert(resolve(parent));
  std::uint64_t position = 0;
  for (const Node* node : candidates(query, parents)) {
    auto item = listed(*node);
    if (!item || !matches(query, parents, *node, *item)) continue;
    if (position++ < first) continue;
    if (page.items.size() == page_size_) {
      page.next_page_token = make_token('p', first + page_size_);
      break;
    }
    page.items.push_back(*std::move(item));
  }
  return page;
}

Result<std::vector<SharedDrive>> FakeStore::shared_drives(const Context& context) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kSharedDrives}));
  const std::lock_guard lock(mutex_);
  return drives_;
}

Result<std::string> FakeStore::start_page_token(const Context& context, const Feed& feed) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kStartPageToken, .drive = feed.drive}));
  const std::lock_guard lock(mutex_);
  if (feed.drive && find_node(FileId(feed.drive->value())) == nullptr) {
    return Error{ErrorCode::kNotFound, cat("Shared drive not found: ", *feed.drive)};
  }
  const TimePoint visible_until = clock_.now() - feed_lag_;
  std::uint64_t position = next_sequence_;
  for (auto entry = feed_.rbegin(); entry != feed_.rend(); ++entry) {
    if (entry->second.at <= visible_until) break;
    position = entry->first;
  }
  return make_token('c', position);
}

Result<ChangePage> FakeStore::changes(const Context& context, const Feed& feed,
                                      const std::string& page_token) {
  DRIVEWAY_CHECK(
      enter(context, {.method = Method::kChanges, .drive = feed.drive, .page_token = page_token}));
  const std::lock_guard lock(mutex_);
  if (feed.drive && find_node(FileId(feed.drive->value())) == nullptr) {
    return Error{ErrorCode::kNotFound, cat("Shared drive not found: ", *feed.drive)};
  }
  DRIVEWAY_TRY(const std::uint64_t first, token_position('c', page_token));
  const TimePoint visible_until = clock_.now() - feed_lag_;
  ChangePage page;
  std::uint64_t position = std::max(first, next_sequence_);
  for (auto entry = feed_.lower_bound(first); entry != feed_.end(); ++entry) {
    const auto& [sequence, what] = *entry;
    if (what.at > visible_until) {
      position = sequence;
      break;
    }
    if (feed.drive && what.drive != feed.drive) continue;
    if (page.changes.size() == page_size_) {
      page.next_page_token = make_token('c', sequence);
      return page;
    }
    Change change{what.is_drive ? FileId() : what.id, what.removed, std::nullopt, what.drive,
                  what.is_drive};
    if (!what.is_drive && !what.removed) change.item = shown(nodes_.at(what.id));
    page.changes.push_back(std::move(change));
  }
  page.new_start_page_token = make_token('c', position);
  return page;
}

Status FakeStore::read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kRead, .id = item.id, .range = range}));
  std::shared_ptr<const std::string> content;
  Bytes piece = 0;
  {
    const std::lock_guard lock(mutex_);
    const Node* const found = find_node(item.id);
    if (found == nullptr) return not_found(item.id);
    if (found->item.kind != ItemKind::kFile) {
      return Error{ErrorCode::kUnsupported, "Only files with binary content can be downloaded."};
    }
    content = found->content;
    piece = read_piece_;
  }
  if (item.size && *item.size != content->size()) {
    return Error{ErrorCode::kStale, cat(item.name, " has another length now")};
  }
  if (range.empty()) return Error{ErrorCode::kInvalidArgument, "an empty range"};
  if (range.offset >= content->size() || range.length > content->size() - range.offset) {
    return Error{ErrorCode::kOutOfRange, cat("behind the end of ", item.name)};
  }
  sink.asked();
  std::unique_ptr<ByteSink> wrapper;
  ByteSink& target = faults_.wrap(Method::kRead, sink, wrapper);
  const auto part = std::string_view(*content).substr(range.offset, range.length);
  DRIVEWAY_CHECK(deliver(context, clock_, part, piece, target));
  const std::lock_guard lock(mutex_);
  bytes_read_ += range.length;
  return {};
}

Status FakeStore::export_document(const Context& context, const FileId& id,
                                  const std::string& mime_type, ByteSink& sink) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kExport, .id = id}));
  std::string bytes;
  Bytes piece = 0;
  {
    const std::lock_guard lock(mutex_);
    const Node* const found = find_node(id);
    if (found == nullptr) return not_found(id);
    const auto as = found->exports.find(mime_type);
    if (as == found->exports.end()) {
      return Error{ErrorCode::kUnsupported, "The requested conversion is not supported."};
    }
    bytes = as->second;
    piece = read_piece_;
  }
  if (bytes.size() > kExportLimit) {
    return Error{ErrorCode::kTooLarge, "This file is too large to be exported."};
  }
  std::unique_ptr<ByteSink> wrapper;
  return deliver(context, clock_, bytes, piece, faults_.wrap(Method::kExport, sink, wrapper));
}

std::optional<Item> FakeStore::find(const FileId& id) const {
  const std::lock_guard lock(mutex_);
  const Node* const found = find_node(id);
  if (found == nullptr) return std::nullopt;
  return shown(*found);
}

std::string FakeStore::content(const FileId& id) const {
  const std::lock_guard lock(mutex_);
  const Node* const found = find_node(id);
  return found != nullptr && found->content ? *found->content : std::string();
}

std::size_t FakeStore::size() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const auto& entry) { return !entry.second.gone; }));
}

int FakeStore::calls(Method method) const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(
      log_.begin(), log_.end(), [&](const CallInfo& call) { return call.method == method; }));
}

int FakeStore::calls() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(log_.size());
}

Bytes FakeStore::bytes_read() const {
  const std::lock_guard lock(mutex_);
  return bytes_read_;
}

void FakeStore::reset_calls() {
  const std::lock_guard lock(mutex_);
  log_.clear();
  edits_.clear();
  bytes_read_ = 0;
  bytes_sent_ = 0;
}

std::vector<CallInfo> FakeStore::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

}  // namespace driveway::drive
