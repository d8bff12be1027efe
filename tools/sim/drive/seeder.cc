#include "sim/drive/seeder.h"

#include <algorithm>
#include <initializer_list>

#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "sim/drive/ids.h"
#include "sim/drive/mime_types.h"
#include "sim/drive/spec.h"

namespace driveway::sim {

namespace {

using nlohmann::json;

// More would be a slip of the keyboard: it takes hours and all memory.
constexpr std::uint64_t kMaxCount = 10'000'000;

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalidArgument, "seed: " + std::move(message)};
}

Status check_keys(const json& object, std::string_view what,
                  std::initializer_list<std::string_view> known) {
  if (!object.is_object()) return invalid(cat(what, " is no object"));
  for (const auto& [key, value] : object.items()) {
    bool found = false;
    for (const std::string_view name : known) found = found || name == key;
    if (!found) return invalid(cat("unknown key \"", key, "\" in ", what));
  }
  return {};
}

// A member of `object` as T, `fallback` where it is absent. Errors: kInvalidArgument.
template <typename T>
Result<T> member(const json& object, const char* key, T fallback) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  try {
    return found->get<T>();
  } catch (const json::exception&) {
    return invalid(cat("\"", key, "\" has the wrong type"));
  }
}

Result<std::uint64_t> number_of(const json& object, const char* key, std::uint64_t fallback,
                                std::uint64_t most) {
  const auto found = object.find(key);
  if (found == object.end()) return fallback;
  auto number = whole_number(*found, key, most);
  if (!number.ok()) return invalid(number.error().message);
  return number;
}

Result<Bytes> size_of(const json& object, const char* key, Bytes fallback) {
  return number_of(object, key, fallback, kMaxFileSize);
}

Result<std::vector<std::string>> names_of(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return invalid(cat("\"", key, "\" is missing"));
  std::vector<std::string> names;
  if (found->is_string()) {
    for (const std::string_view name : split(found->get_ref<const std::string&>(), '/')) {
      if (!name.empty()) names.emplace_back(name);
    }
    return names;
  }
  return member<std::vector<std::string>>(object, key, {});
}

Result<Ms> time_of(const json& object, const char* key, Ms fallback) {
  DRIVEWAY_TRY(const std::string text, member<std::string>(object, key, ""));
  if (text.empty()) return fallback;
  DRIVEWAY_TRY(const WallTime time, parse_rfc3339(text));
  return Ms{time.time_since_epoch().count()};
}

Result<Kind> kind_of(const std::string& type) {
  if (type == "file") return Kind::kFile;
  if (type == "folder") return Kind::kFolder;
  if (type == "shortcut") return Kind::kShortcut;
  for (const char* doc : {"document", "spreadsheet", "presentation", "drawing", "form"}) {
    if (type == doc) return Kind::kDoc;
  }
  return invalid(cat("unknown type \"", type, "\""));
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a * 0x9E3779B97F4A7C15ULL + b + 0x632BE59BD9B4E019ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::string numbered(std::string_view prefix, std::uint64_t number, std::size_t digits,
                     std::string_view suffix) {
  const std::string text = cat(number);
  return cat(prefix, std::string(digits > text.size() ? digits - text.size() : 0, '0'), text,
             suffix);
}

}  // namespace

Result<json> Seeder::seed(const json& spec) {
  DRIVEWAY_CHECK(check_keys(spec, "the seed", {"account", "items", "trees", "shared_drives"}));
  DRIVEWAY_TRY(const std::string mail, member<std::string>(spec, "account", ""));
  const Account* account =
      mail.empty() ? world_.first_account() : world_.account(intern(to_lower(mail)));
  if (account == nullptr) return Error{ErrorCode::kNotFound, cat("no such account: ", mail)};
  DRIVEWAY_CHECK(add_all({account->root_id, nullptr, account->mail}, spec));
  json drives = json::object();
  if (const auto list = spec.find("shared_drives"); list != spec.end()) {
    for (const json& drive : *list) {
      DRIVEWAY_CHECK(add_shared_drive(account->mail, drive));
    }
  }
  DRIVEWAY_CHECK(add_late_shortcuts());
  for (const auto& [id, drive] : world_.drives()) drives[drive.name] = id;
  return json{{"items", items_}, {"bytes", bytes_}, {"drives", std::move(drives)}};
}

Status Seeder::add_all(const Place& place, const json& spec) {
  if (const auto items = spec.find("items"); items != spec.end()) {
    for (const json& item : *items) DRIVEWAY_CHECK(add_item(place, item));
  }
  if (const auto trees = spec.find("trees"); trees != spec.end()) {
    for (const json& tree : *trees) DRIVEWAY_CHECK(add_tree(place, tree));
  }
  return {};
}

Item Seeder::new_item(const Place& place, const std::string& parent, std::string name,
                      Kind kind) const {
  Item item;
  item.serial = world_.next_serial();
  item.id = make_item_id(kind == Kind::kShortcut ? IdUse::kShortcut : IdUse::kFile);
  item.name = std::move(name);
  item.parent = parent;
  item.kind = kind;
  item.drive = place.drive;
  item.owner = place.drive == nullptr ? place.user : nullptr;
  item.last_user = place.user;
  item.created = item.modified = item.head_modified = world_.now();
  item.head_number = 1;
  if (kind == Kind::kFolder) item.mime = intern(mime::kFolder);
  if (kind == Kind::kShortcut) item.mime = intern(mime::kShortcut);
  return item;
}

void Seeder::put(Item item) {
  ++items_;
  bytes_ += item.size();
  world_.put(std::move(item));
}

std::string Seeder::folder(const Place& place, const Names& names) {
  std::string at = place.root_id;
  for (const std::string& name : names) {
    std::string& known = folders_[{at, name}];
    if (known.empty()) {
      for (const auto& [serial, child] : world_.current().children(at)) {
        if (child->is_folder() && child->name == name && !child->trashed) known = child->id;
      }
    }
    if (known.empty()) {
      Item made = new_item(place, at, name, Kind::kFolder);
      known = made.id;
      put(std::move(made));
    }
    at = known;
  }
  return at;
}

const Item* Seeder::resolve(const std::string& root_id, const Names& names) const {
  const Item* at = world_.current().peek(root_id);
  for (const std::string& name : names) {
    const Item* found = nullptr;  // the oldest of that name
    for (const auto& [serial, child] : world_.current().children(at->id)) {
      if (child->name == name) found = child.get();
    }
    if (found == nullptr) return nullptr;
    at = found;
  }
  return at;
}

Status Seeder::fill_content(const json& spec, Item& item) {
  DRIVEWAY_TRY(const std::string type, member<std::string>(spec, "type", "file"));
  DRIVEWAY_TRY(std::string text, member<std::string>(spec, "content", ""));
  DRIVEWAY_TRY(const std::string encoded, member<std::string>(spec, "content_base64", ""));
  DRIVEWAY_TRY(const Bytes size, size_of(spec, "size", 0));
  DRIVEWAY_TRY(const std::uint64_t seed, member<std::uint64_t>(spec, "seed", 0));
  DRIVEWAY_TRY(const std::string mime_type, member<std::string>(spec, "mime_type", ""));
  if (!encoded.empty()) {
    DRIVEWAY_TRY(text, from_base64(encoded));
  }
  if (item.kind == Kind::kDoc) {
    item.mime = intern(cat(mime::kPrefix, type));
  } else {
    item.mime = intern(mime_type.empty() ? mime_of_name(item.name) : std::string_view(mime_type));
  }
  if (size > 0) {
    item.content = contents_.synthetic(seed, size);
    return {};
  }
  DRIVEWAY_TRY(item.content, contents_.from_bytes(text));
  return {};
}

Status Seeder::fill_details(const Place& place, const json& spec, Item& item) {
  using Texts = std::map<std::string, std::string>;
  DRIVEWAY_TRY(item.created, time_of(spec, "created", item.created));
  DRIVEWAY_TRY(item.modified, time_of(spec, "modified", item.modified));
  DRIVEWAY_TRY(item.id, member<std::string>(spec, "id", item.id));
  DRIVEWAY_TRY(item.trashed, member<bool>(spec, "trashed", false));
  if (item.trashed) item.trashed_at = world_.now();
  Extras extras = item.edit_extras();
  DRIVEWAY_TRY(extras.description, member<std::string>(spec, "description", ""));
  DRIVEWAY_TRY(extras.properties, member<Texts>(spec, "properties", {}));
  DRIVEWAY_TRY(Texts app_properties, member<Texts>(spec, "app_properties", {}));
  if (!app_properties.empty()) extras.app_properties[project_] = std::move(app_properties);
  DRIVEWAY_TRY(extras.abusive, member<bool>(spec, "abusive", false));
  DRIVEWAY_TRY(extras.download_quota_exceeded,
               member<bool>(spec, "download_quota_exceeded", false));
  DRIVEWAY_TRY(const bool starred, member<bool>(spec, "starred", false));
  if (starred) extras.personal[place.user].starred = true;
  DRIVEWAY_TRY(const Texts shares, member<Texts>(spec, "share_with", {}));
  for (const auto& [mail, role_name] : shares) {
    const auto role = parse_role(role_name);
    if (!role) return invalid(cat("unknown role \"", role_name, "\""));
    const Account& account = world_.ensure_account(mail, false);
    extras.permissions.push_back(
        {account.permission_id, Grantee::kUser, *role, *account.mail, "", false});
    Personal& personal = extras.personal[account.mail];
    personal.shared = world_.now();
    personal.shared_by = place.user;
  }
  const bool plain = extras.description.empty() && extras.properties.empty() &&
                     extras.app_properties.empty() && extras.permissions.empty() &&
                     extras.personal.empty() && !extras.abusive &&
                     !extras.download_quota_exceeded && !item.extras;
  if (!plain) item.set_extras(std::move(extras));
  return {};
}

Status Seeder::fill_shortcut(const json& spec, Item& item, Names& target) {
  DRIVEWAY_TRY(const std::string target_id, member<std::string>(spec, "target_id", ""));
  if (target_id.empty()) {
    DRIVEWAY_TRY(target, names_of(spec, "target"));
    return {};
  }
  Extras extras;
  extras.shortcut.target_id = target_id;
  const Item* found = world_.current().peek(target_id);
  extras.shortcut.target_mime = found != nullptr ? *found->mime : std::string(mime::kOctets);
  item.set_extras(std::move(extras));
  return {};
}

Status Seeder::add_item(const Place& place, const json& spec) {
  DRIVEWAY_CHECK(
      check_keys(spec, "an item", {"path",           "type",        "size",
                                   "seed",           "content",     "content_base64",
                                   "target",         "target_id",   "mime_type",
                                   "modified",       "created",     "properties",
                                   "app_properties", "description", "starred",
                                   "trashed",        "share_with",  "id",
                                   "copies",         "abusive",     "download_quota_exceeded"}));
  DRIVEWAY_TRY(const std::string type, member<std::string>(spec, "type", "file"));
  DRIVEWAY_TRY(const Kind kind, kind_of(type));
  DRIVEWAY_TRY(Names names, names_of(spec, "path"));
  DRIVEWAY_TRY(const std::uint64_t copies, number_of(spec, "copies", 1, kMaxCount));
  if (names.empty()) return invalid("\"path\" names nothing");
  const std::string name = names.back();
  names.pop_back();
  const std::string parent = folder(place, names);
  for (std::uint64_t copy = 0; copy < copies; ++copy) {
    Item item = new_item(place, parent, name, kind);
    Names target;
    if (kind == Kind::kFile || kind == Kind::kDoc) DRIVEWAY_CHECK(fill_content(spec, item));
    if (kind == Kind::kShortcut) DRIVEWAY_CHECK(fill_shortcut(spec, item, target));
    DRIVEWAY_CHECK(fill_details(place, spec, item));
    if (world_.current().peek(item.id) != nullptr) return invalid(cat("id in use: ", item.id));
    if (kind == Kind::kFolder) folders_.try_emplace({parent, name}, item.id);
    if (target.empty()) {
      put(std::move(item));
    } else {
      late_.push_back({place, std::move(item), std::move(target)});
    }
  }
  return {};
}

Status Seeder::add_late_shortcuts() {
  for (LateShortcut& late : late_) {
    const Item* target = resolve(late.place.root_id, late.target);
    if (target == nullptr && late.place.drive != nullptr) {
      target = resolve(world_.account(late.place.user)->root_id, late.target);
    }
    if (target == nullptr) {
      return Error{ErrorCode::kNotFound,
                   cat("seed: the target of shortcut \"", late.item.name, "\" does not exist")};
    }
    Extras extras = late.item.edit_extras();
    extras.shortcut = {target->id, *target->mime};
    late.item.set_extras(std::move(extras));
    put(std::move(late.item));
  }
  return {};
}

Status Seeder::add_tree(const Place& place, const json& spec) {
  DRIVEWAY_CHECK(check_keys(spec, "a tree",
                            {"path", "folders", "files", "size", "min_size", "max_size", "seed",
                             "prefix", "suffix", "mime_type"}));
  DRIVEWAY_TRY(const Names names, names_of(spec, "path"));
  DRIVEWAY_TRY(const std::uint64_t folders, number_of(spec, "folders", 0, kMaxCount));
  DRIVEWAY_TRY(const std::uint64_t files, number_of(spec, "files", 0, kMaxCount));
  DRIVEWAY_TRY(const Bytes size, size_of(spec, "size", 0));
  DRIVEWAY_TRY(const Bytes min_size, size_of(spec, "min_size", size));
  DRIVEWAY_TRY(const Bytes max_size, size_of(spec, "max_size", size));
  DRIVEWAY_TRY(const std::uint64_t seed, member<std::uint64_t>(spec, "seed", 1));
  DRIVEWAY_TRY(const std::string prefix, member<std::string>(spec, "prefix", "f"));
  DRIVEWAY_TRY(const std::string suffix, member<std::string>(spec, "suffix", ".bin"));
  DRIVEWAY_TRY(const std::string mime_type, member<std::string>(spec, "mime_type", ""));
  if (max_size < min_size) return invalid("\"max_size\" is below \"min_size\"");
  const Text mime =
      intern(mime_type.empty() ? mime_of_name(prefix + suffix) : std::string_view(mime_type));
  std::uint64_t number = 0;
  for (std::uint64_t i = 0; i < std::max<std::uint64_t>(folders, 1); ++i) {
    Names path = names;
    if (folders > 0) path.push_back(numbered("d", i, 5, ""));
    const std::string parent = folder(place, path);
    for (std::uint64_t j = 0; j < files; ++j, ++number) {
      Item item = new_item(place, parent, numbered(prefix, number, 8, suffix), Kind::kFile);
      const std::uint64_t own = mix(seed, number);
      item.mime = mime;
      item.content = contents_.synthetic(own, min_size + own % (max_size - min_size + 1));
      put(std::move(item));
    }
  }
  return {};
}

Status Seeder::add_shared_drive(Text organizer, const json& spec) {
  using Members = std::map<std::string, std::string>;
  DRIVEWAY_CHECK(check_keys(spec, "a shared drive", {"name", "id", "members", "items", "trees"}));
  DRIVEWAY_TRY(const std::string name, member<std::string>(spec, "name", ""));
  DRIVEWAY_TRY(const std::string id, member<std::string>(spec, "id", ""));
  DRIVEWAY_TRY(const Members members, member<Members>(spec, "members", {}));
  const SharedDrive* drive = id.empty() ? nullptr : world_.drive(id);
  for (const auto& [known_id, known] : world_.drives()) {
    if (drive == nullptr && id.empty() && known.name == name) drive = &known;
  }
  if (drive == nullptr) {
    if (name.empty()) return invalid("a shared drive needs a \"name\"");
    drive = &world_.add_drive(id.empty() ? make_root_id() : id, name, organizer);
  }
  for (const auto& [mail, role_name] : members) {
    const auto role = parse_role(role_name);
    if (!role || *role == Role::kOwner) return invalid(cat("unknown role \"", role_name, "\""));
    const Account& account = world_.ensure_account(mail, false);
    Item root = *world_.current().peek(*drive->id);
    Extras extras = root.edit_extras();
    std::erase_if(extras.permissions,
                  [&](const Permission& one) { return one.id == account.permission_id; });
    extras.permissions.push_back(
        {account.permission_id, Grantee::kUser, *role, *account.mail, "", false});
    root.set_extras(std::move(extras));
    world_.put(std::move(root));
  }
  world_.note_drive_change(*drive);
  return add_all({*drive->id, drive->id, organizer}, spec);
}

}  // namespace driveway::sim
