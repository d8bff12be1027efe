#include "sim/drive/dump.h"

#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "sim/drive/access.h"
#include "sim/drive/json_text.h"

namespace driveway::sim {

namespace {

class Dumper {
 public:
  Dumper(const World& world, bool trashed) : world_(world), with_trashed_(trashed) {}

  void add(const Item& item, bool parent_trashed) {
    const bool trashed = parent_trashed || item.trashed;
    if (trashed && !with_trashed_) return;
    names_.push_back(&item.name);
    write(item, trashed);
    if (item.is_folder()) add_children(item.id, trashed);
    names_.pop_back();
  }

  void add_children(const std::string& folder, bool trashed) {
    const ItemsByAge& children = world_.current().children(folder);
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      add(*child->second, trashed);  // oldest first, as they were made
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void write(const Item& item, bool trashed) {
    JsonObject json(out_);
    std::string path;
    for (const std::string* name : names_) {
      if (!path.empty()) path += '/';
      path += *name;
    }
    json.text("path", path);
    std::string& names = json.key("names");
    names += '[';
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (i > 0) names += ',';
      append_json_string(names, *names_[i]);
    }
    names += ']';
    json.text("id", item.id);
    json.text("mimeType", *item.mime);
    json.text("parent", item.parent);
    json.plain("modifiedTime", format_rfc3339(WallTime(std::chrono::milliseconds(item.modified))));
    json.boolean("trashed", trashed);
    json.number("version", item.version);
    if (item.kind == Kind::kFile) write_content(item, json);
    const Extras& extra = item.extra();
    if (item.kind == Kind::kShortcut) {
      json.text("targetId", extra.shortcut.target_id);
      json.text("targetMimeType", extra.shortcut.target_mime);
    }
    if (!extra.properties.empty()) {
      JsonObject properties(json.key("properties"));
      for (const auto& [key, value] : extra.properties) {
        std::string name;
        append_json_string(name, key);
        properties.text(std::string_view(name).substr(1, name.size() - 2), value);
      }
      properties.close();
    }
    json.close();
    out_ += '\n';
  }

  static void write_content(const Item& item, JsonObject& json) {
    json.number("size", item.size());
    if (const Hashes* hashes = item.content->hashes()) {
      json.plain("md5Checksum", hex_of(hashes->md5));
      if (!hashes->only_md5) json.plain("sha256Checksum", hex_of(hashes->sha256));
    }
    json.plain("headRevisionId", revision_id(item, item.head_number));
  }

  const World& world_;
  const bool with_trashed_;
  std::vector<const std::string*> names_;
  std::string out_;
};

}  // namespace

Result<std::string> dump_tree(const World& world, const DumpRequest& request) {
  const Account* account = request.account.empty()
                               ? world.first_account()
                               : world.account(intern(to_lower(request.account)));
  if (account == nullptr) {
    return Error{ErrorCode::kNotFound, cat("no such account: ", request.account)};
  }
  Dumper dumper(world, request.trashed);
  if (request.shared_with_me) {
    Access access(world.current(), account->mail);
    for (const auto& [serial, item] : world.current().all()) {
      const bool top = item->drive == nullptr && item->owner != account->mail && !item->root &&
                       !access.shows_parent(*item);
      if (top && access.standing(*item).personal != Role::kNone) dumper.add(*item, false);
    }
    return dumper.take();
  }
  if (request.drive.empty()) {
    dumper.add_children(account->root_id, false);
    return dumper.take();
  }
  const SharedDrive* drive = world.drive(request.drive);
  for (const auto& [id, one] : world.drives()) {
    if (drive == nullptr && one.name == request.drive) drive = &one;
  }
  if (drive == nullptr) {
    return Error{ErrorCode::kNotFound, cat("no such shared drive: ", request.drive)};
  }
  dumper.add_children(*drive->id, false);
  return dumper.take();
}

}  // namespace driveway::sim
