// What is looked at before something is sent (J8–J10), and what moves no bytes.
#include <algorithm>
#include <utility>

#include "base/fault.h"
#include "base/log.h"
#include "base/strings.h"
#include "journal/sender_core.h"

namespace driveway::journal {
namespace {

// A folder that was there so long ago is taken to be there: the feed tells as soon (J10).
constexpr Duration kTrusted = std::chrono::seconds(10);
constexpr std::size_t kMostTrusted = 1'000;
constexpr std::size_t kParentsAtOnce = 50;  // of one listing (drive-api reference 3.4)

bool is_among(const std::vector<FileId>& ids, const FileId& id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

Error replaced_source(const std::string& name) {
  return {ErrorCode::kStale,
          cat("the file that ", name, " is a copy of has another content by now: copy it again")};
}

// Calls `visit` for each item that the query finds, until it gives false.
Status for_each_item(drive::RemoteStore& store, const Context& context,
                     const drive::ListQuery& query,
                     const std::function<bool(const drive::Item&)>& visit) {
  std::string token;
  do {
    DRIVEWAY_TRY(const drive::ItemPage page, store.list(context, query, token));
    for (const drive::Item& item : page.items) {
      if (!visit(item)) return {};
    }
    token = page.next_page_token;
  } while (!token.empty());
  return {};
}

}  // namespace

drive::NewItem SenderCore::new_item(const Step& step) {
  drive::NewItem item;
  item.id = step.sent.id;
  item.name = step.sent.name.value_or("");
  item.parent = step.sent.parent;
  item.kind = step.kind;
  if (step.kind == drive::ItemKind::kFile) item.mime_type = step.mime_type;
  item.modified = step.sent.modified;
  for (const auto& [key, value] : step.sent.properties) {
    if (value) item.properties[key] = *value;
  }
  return item;
}

drive::ItemPatch SenderCore::patch_of(const Step& step) {
  const Sent& sent = step.sent;
  drive::ItemPatch patch;
  patch.name = sent.name;
  if (!sent.from.empty()) {
    patch.move = drive::Move{sent.from == kNoFolder ? FileId() : sent.from, sent.parent};
  }
  if (sent.restored) patch.trashed = false;
  patch.modified = sent.modified;
  patch.properties = sent.properties;
  if (moves_bytes(step) && !step.mime_type.empty()) patch.mime_type = step.mime_type;
  return patch;
}

// Nothing: there is no such item.
Result<std::optional<drive::Item>> SenderCore::get(const Context& context, const FileId& id) {
  auto item = store_.get(call_context(context.priority), id);
  if (item.failed_with(ErrorCode::kNotFound)) return std::optional<drive::Item>();
  if (!item.ok()) return std::move(item).error();
  return std::optional(*std::move(item));
}

// --- Looks.

Result<bool> SenderCore::look_before(Job& job) {
  const Sent& sent = job.step.sent;
  if (!sent.parent.empty()) {
    DRIVEWAY_TRY(const bool dealt_with, look_at_folder(job));
    if (dealt_with) return true;
  }
  switch (sent.action) {
    case Action::kCreate:
    case Action::kCopy:
      return look_for_name(job);
    case Action::kUpdate:
      return look_at_head(job);
    case Action::kTrash:
      return job.step.kind == drive::ItemKind::kFolder ? look_into(job) : Result<bool>(false);
    default:
      return false;
  }
}

// J10: nothing is put into a folder that is in the trash.
Result<bool> SenderCore::look_at_folder(Job& job) {
  const FileId& id = job.step.sent.parent;
  {
    const std::lock_guard lock(mutex_);
    const auto known = good_folders_.find(id);
    if (known != good_folders_.end() && clock_.now() - known->second < kTrusted) return false;
  }
  const TimePoint asked = clock_.now();
  const auto folder = get(job.context, id);
  if (!folder.ok()) {
    DRIVEWAY_CHECK(fail(job, folder.error(), false));
    return true;
  }
  if (!*folder || (*folder)->trashed) {
    DRIVEWAY_CHECK(lost_folder(job, *folder));
    return true;
  }
  const std::lock_guard lock(mutex_);
  if (good_folders_.size() >= kMostTrusted) good_folders_.clear();
  good_folders_[id] = asked;
  return false;
}

// It may have another name by now, so all of the folder is listed.
Result<std::optional<drive::Item>> SenderCore::find_made(Job& job) {
  const std::string* const operation = operation_of(job.step);
  if (operation == nullptr) return std::optional<drive::Item>();
  drive::ListQuery query;
  query.parents = {job.step.sent.parent};
  if (!job.drive.empty()) query.drive = job.drive;
  FileId made;
  const Status listed =
      for_each_item(store_, call_context(job.context.priority), query, [&](const auto& item) {
        const auto property = item.properties.find(std::string(kOperation));
        if (property == item.properties.end() || property->second != *operation) return true;
        made = item.id;
        return false;
      });
  if (listed.failed_with(ErrorCode::kNotFound)) return std::optional<drive::Item>();
  DRIVEWAY_CHECK(listed);
  if (made.empty()) return std::optional<drive::Item>();
  return get(job.context, made);  // a listing may be late
}

// J9: an item of the step's name that somebody else has made; a folder before others.
Result<std::optional<drive::Item>> SenderCore::find_namesake(Job& job) {
  const Step& step = job.step;
  drive::ListQuery query;
  query.parents = {step.sent.parent};
  if (!job.drive.empty()) query.drive = job.drive;
  query.name = step.sent.name.value_or("");
  std::vector<FileId> candidates;
  DRIVEWAY_CHECK(
      for_each_item(store_, call_context(job.context.priority), query, [&](const auto& item) {
        if (item.id != step.sent.id && !is_among(step.beside, item.id)) {
          candidates.push_back(item.id);
        }
        return true;
      }));
  std::optional<drive::Item> found;
  for (const FileId& id : candidates) {
    // A listing may be late; what it shows may have left the name since.
    DRIVEWAY_TRY(auto item, get(job.context, id));
    const bool has_name =
        item && !item->trashed && item->name == query.name && item->parent == step.sent.parent;
    if (!has_name) continue;
    if (!found || item->kind == drive::ItemKind::kFolder) found = std::move(item);
  }
  return found;
}

// Whether the item, or another of its name, is there already.
Result<bool> SenderCore::look_for_name(Job& job) {
  const auto made = find_made(job);
  if (made.ok() && *made && !(*made)->trashed) {
    DRIVEWAY_CHECK(finish(job, **made));
    return true;
  }
  const auto found = made.ok() ? find_namesake(job) : made;
  if (!found.ok()) {
    DRIVEWAY_CHECK(fail(job, found.error(), false));
    return true;
  }
  if (!*found) return false;
  const bool is_folder = (*found)->kind == drive::ItemKind::kFolder;
  if (is_folder && job.step.kind == drive::ItemKind::kFolder) {
    DRIVEWAY_CHECK(adopt_folder(job, **found));
  } else {
    DRIVEWAY_CHECK(make_conflict(job));
  }
  return true;
}

// The record first: the tree is to know whose inode the folder has got.
Status SenderCore::adopt_folder(Job& job, const drive::Item& folder) {
  const InodeId parent = job.step.sent.parent_inode;
  DRIVEWAY_CHECK(record(job.step, [&](ChangeSet& set, WallTime now) {
    return set.adopted(job.step, folder, parent, now);
  }));
  const auto accepted = local_.accept(folder);
  return accepted.ok() ? Status() : Status(accepted.error());
}

Status SenderCore::make_conflict(Job& job) {
  return record(job.step, [&](ChangeSet& set, WallTime /*now*/) -> Result<Outcome> {
    const Change* const holder = set.holder(job.step);
    if (holder == nullptr) return Error{ErrorCode::kNotFound, "no such step is out"};
    return Outcome{{}, Verdict::kConflict, holder->inode};
  });
}

// J10: what is to be replaced must be what we know.
Result<bool> SenderCore::look_at_head(Job& job) {
  const Sent& sent = job.step.sent;
  const auto item = get(job.context, sent.id);
  if (!item.ok()) {
    DRIVEWAY_CHECK(fail(job, item.error(), false));
    return true;
  }
  const bool is_same = *item && !(*item)->trashed &&
                       (sent.base_revision.empty() || (*item)->head_revision == sent.base_revision);
  if (is_same) return false;
  DRIVEWAY_CHECK(resolve_by(job, *item));
  return true;
}

// J8: the folder must hold nothing but what is to go along.
Result<bool> SenderCore::look_into(Job& job) {
  const Step& step = job.step;
  std::vector<FileId> folders{step.sent.id};
  std::optional<drive::Item> kept;
  while (!folders.empty() && !kept) {
    drive::ListQuery query;
    const std::size_t count = std::min(folders.size(), kParentsAtOnce);
    query.parents.assign(folders.end() - static_cast<std::ptrdiff_t>(count), folders.end());
    folders.resize(folders.size() - count);
    if (!job.drive.empty()) query.drive = job.drive;
    const Status listed =
        for_each_item(store_, call_context(job.context.priority), query, [&](const auto& item) {
          if (!is_among(step.takes_along, item.id)) {
            kept = item;
            return false;
          }
          if (item.kind == drive::ItemKind::kFolder) folders.push_back(item.id);
          return true;
        });
    if (!listed.ok()) {
      DRIVEWAY_CHECK(fail(job, listed.error(), false));
      return true;
    }
  }
  if (!kept) return false;
  log::warn(job.name, " stays: another client has put ", kept->name, " into it");
  const auto accepted = local_.accept(*kept);
  if (!accepted.ok()) {
    DRIVEWAY_CHECK(fail(job, accepted.error(), false));
    return true;
  }
  DRIVEWAY_CHECK(record(step, [&](ChangeSet& set, WallTime now) {
    return set.listing_differs(step, kept->parent.value_or(step.sent.id), now);
  }));
  return true;
}

// J10: a folder that is to hold something has gone, or is in the trash. It is made anew where the
// journal has a row of it, else what was to be in it goes elsewhere.
Status SenderCore::lost_folder(Job& job, const std::optional<drive::Item>& folder) {
  const Sent& sent = job.step.sent;
  if (folder) {
    const auto accepted = local_.accept(*folder);
    if (!accepted.ok()) return fail(job, accepted.error(), false);
  } else {
    const Status removed = local_.removed(sent.parent);
    if (!removed.ok()) return fail(job, removed.error(), false);
  }
  const Error gone{ErrorCode::kNotFound, "its folder has gone from Drive", true};
  DRIVEWAY_CHECK(fail(job, gone, false));
  const bool has_row =
      journal_.look([&](const ChangeSet& set) { return set.find_id(sent.parent) != InodeId(); });
  if (has_row) {
    heard(sent.parent, folder, InodeId());
    return {};
  }
  DRIVEWAY_TRY(const Place home,
               local_.recovery_place(call_context(job.context.priority), job.name));
  log::warn("the folder of ", job.name, " has gone from Drive: it goes to driveway-recovered");
  return journal_.change({}, Purpose::kProgress, [&](ChangeSet& set, WallTime now) {
    return set.rehome(sent.parent_inode, home.parent, home.parent_id, now);
  });
}

// --- Calls.

Status SenderCore::send_edit(Job& job) {
  const Step& step = job.step;
  if (step.sent.action == Action::kCopy) return send_copy(job);
  DRIVEWAY_CHECK(before_first_byte(job));
  const Context context = call_context(job.context.priority);
  if (step.sent.action == Action::kRemove) {
    const Status removed = store_.remove(context, step.sent.id);
    return removed.ok() ? finish_removal(job) : refused(job, removed.error());
  }
  drive::ItemPatch patch = patch_of(step);
  if (step.sent.action == Action::kTrash) patch.trashed = true;
  const auto item = step.sent.action == Action::kCreate
                        ? store_.create(context, new_item(step), nullptr)
                        : store_.update(context, step.sent.id, patch, nullptr);
  return item.ok() ? finish(job, *item) : refused(job, item.error());
}

// The server copies the head: it must be the content that was copied here.
Status SenderCore::send_copy(Job& job) {
  const CopySource& source = *job.step.sent.content.copy;
  const auto before = get(job.context, source.id);
  if (!before.ok()) return fail(job, before.error(), false);
  if (!*before || (*before)->head_revision != source.revision) {
    return fail(job, replaced_source(job.name), false);
  }
  DRIVEWAY_CHECK(before_first_byte(job));
  const auto item = store_.copy(call_context(job.context.priority), source.id, new_item(job.step));
  if (!item.ok()) return refused(job, item.error());
  return finish(job, *item);
}

}  // namespace driveway::journal
