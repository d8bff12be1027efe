// The revisions of FakeStore's blobs (drive-api reference 5.11), and how its changes are set up.
#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "drive/fake_store_answer.h"
#include "drive/fake_store_parts.h"

namespace driveway::drive {

using fake::denied;
using fake::invalid;
using fake::not_found;

namespace {

constexpr std::ptrdiff_t kMostKept = 200;  // drive-api reference 1.7

Error no_revision(const Revision& revision) {
  return {ErrorCode::kNotFound, cat("Revision not found: ", revision, ".")};
}

template <typename Revisions>
auto find_revision(Revisions& revisions, const Revision& id) {
  return std::find_if(revisions.begin(), revisions.end(),
                      [&](const auto& each) { return each.info.id == id; });
}

}  // namespace

Result<FakeStore::Node*> FakeStore::blob(const FileId& id) {
  if (find_node(id) == nullptr) return not_found(id);
  Node& found = node(id);
  if (found.item.kind != ItemKind::kFile) {
    return Error{ErrorCode::kUnsupported, "The file does not support revisions."};
  }
  return &found;
}

Result<std::vector<RevisionInfo>> FakeStore::revisions(const Context& context, const FileId& id) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kRevisions, .id = id}));
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(const Node* const file, blob(id));
  std::vector<RevisionInfo> all;
  all.reserve(file->old_revisions.size() + 1);
  for (const OldRevision& old : file->old_revisions) all.push_back(old.info);
  all.push_back(head_of(*file));
  return answer<std::vector<RevisionInfo>>(Method::kRevisions, std::move(all));
}

Status FakeStore::keep_revision(const Context& context, const FileId& id, const Revision& revision,
                                bool keep) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kKeepRevision, .id = id}));
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(Node* const file, blob(id));
  DRIVEWAY_CHECK(changeable(id));
  const bool is_head = revision == file->item.head_revision;
  const auto old = find_revision(file->old_revisions, revision);
  if (!is_head && old == file->old_revisions.end()) return no_revision(revision);
  bool& kept = is_head ? file->keep_head : old->info.keep_forever;
  const auto others = std::count_if(file->old_revisions.begin(), file->old_revisions.end(),
                                    [](const OldRevision& each) { return each.info.keep_forever; });
  if (keep && !kept && others + (file->keep_head ? 1 : 0) >= kMostKept) {
    return invalid("Too many revisions are kept forever.");
  }
  if (!keep && kept && !is_head) {
    return invalid("Only the head revision can be set to be purged again.");
  }
  kept = keep;
  changed(*file);
  finish_edit(Method::kKeepRevision, *file, std::nullopt);
  return answer(Method::kKeepRevision, Status());
}

Status FakeStore::remove_revision(const Context& context, const FileId& id,
                                  const Revision& revision) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kRemoveRevision, .id = id}));
  const std::lock_guard lock(mutex_);
  DRIVEWAY_TRY(Node* const file, blob(id));
  DRIVEWAY_CHECK(changeable(id));
  if (revision == file->item.head_revision) return invalid("the head revision stays");
  const auto old = find_revision(file->old_revisions, revision);
  if (old == file->old_revisions.end()) return no_revision(revision);
  file->old_revisions.erase(old);
  changed(*file);
  finish_edit(Method::kRemoveRevision, *file, std::nullopt);
  return answer(Method::kRemoveRevision, Status());
}

Status FakeStore::read_revision(const Context& context, const FileId& id, const Revision& revision,
                                Bytes size, ByteRange range, ByteSink& sink) {
  DRIVEWAY_CHECK(enter(context, {.method = Method::kReadRevision, .id = id, .range = range}));
  std::shared_ptr<const std::string> content;
  Bytes piece = 0;
  {
    const std::lock_guard lock(mutex_);
    DRIVEWAY_TRY(const Node* const file, blob(id));
    const auto old = find_revision(file->old_revisions, revision);
    if (revision == file->item.head_revision) {
      content = file->content;
    } else if (old == file->old_revisions.end()) {
      return no_revision(revision);
    } else if (!old->info.keep_forever) {
      return denied("Only the head and revisions that are kept for ever can be downloaded.");
    } else {
      content = old->content;
    }
    piece = read_piece_;
  }
  if (range.empty()) return invalid("an empty range");
  if (size != content->size()) {
    return Error{ErrorCode::kStale, cat("revision ", revision, " has another length")};
  }
  if (range.offset >= size || range.length > size - range.offset) {
    return Error{ErrorCode::kOutOfRange, cat("behind the end of revision ", revision)};
  }
  sink.asked();
  std::unique_ptr<ByteSink> wrapper;
  ByteSink& target = faults_.wrap(Method::kReadRevision, sink, wrapper);
  const auto part = std::string_view(*content).substr(range.offset, range.length);
  DRIVEWAY_CHECK(fake::deliver(context, clock_, part, piece, target));
  const std::lock_guard lock(mutex_);
  bytes_read_ += range.length;
  return {};
}

void FakeStore::purge_revisions(const FileId& id) {
  const std::lock_guard lock(mutex_);
  Node& file = node(id);
  std::erase_if(file.old_revisions,
                [](const OldRevision& each) { return !each.info.keep_forever; });
  recount(file);
}

void FakeStore::set_storage_limit(std::optional<Bytes> limit) {
  const std::lock_guard lock(mutex_);
  about_.storage_limit = limit;
}

void FakeStore::set_upload_quota_exhausted(bool exhausted) {
  const std::lock_guard lock(mutex_);
  upload_quota_exhausted_ = exhausted;
}

void FakeStore::expire_upload_sessions() {
  const std::lock_guard lock(mutex_);
  uploads_.clear();
}

void FakeStore::keep_of_next_send(Bytes bytes) {
  const std::lock_guard lock(mutex_);
  keep_of_next_send_ = bytes;
}

void FakeStore::corrupt_next_upload() {
  const std::lock_guard lock(mutex_);
  corrupt_next_ = true;
}

Bytes FakeStore::bytes_sent() const {
  const std::lock_guard lock(mutex_);
  return bytes_sent_;
}

std::vector<FakeStore::Edit> FakeStore::edits() const {
  const std::lock_guard lock(mutex_);
  return edits_;
}

}  // namespace driveway::drive
