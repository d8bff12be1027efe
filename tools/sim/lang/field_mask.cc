#include "sim/lang/field_mask.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace driveway::sim {

namespace {

// Deeper than any resource.
constexpr int kMaxDepth = 32;

struct DefaultMask {
  std::string_view resource;
  std::string_view mask;
};

// Drive's own short forms (drive-api reference 1.5); what is not here comes whole.
constexpr DefaultMask kDefaults[] = {
    {"File", "kind,id,name,mimeType,resourceKey"},
    {"FileList", "kind,incompleteSearch,nextPageToken,files(kind,id,name,mimeType,resourceKey)"},
    {"ChangeList",
     "kind,nextPageToken,newStartPageToken,changes(kind,type,changeType,time,removed,fileId,"
     "file(kind,id,name,mimeType,resourceKey),teamDriveId,driveId,drive(kind,id,name))"},
    {"Drive", "kind,id,name"},
    {"DriveList", "kind,nextPageToken,drives(kind,id,name)"},
    {"Permission", "kind,id,type,role"},
    {"PermissionList", "kind,nextPageToken,permissions(kind,id,type,role)"},
    {"Revision", "kind,id,mimeType,modifiedTime"},
    {"RevisionList", "kind,nextPageToken,revisions(kind,id,mimeType,modifiedTime)"},
};

}  // namespace

// Recursive descent. What may stand at a place is told by `Scope`.
class FieldMask::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  // The whole text. Else the name that does not fit, in failed().
  std::optional<FieldMask> parse(const Resource& type) {
    FieldMask mask;
    if (!list(Scope{&type, false}, mask, 0)) return std::nullopt;
    if (at_ != text_.size()) return reject(text_), std::nullopt;
    return mask;
  }
  const std::string& failed() const { return failed_; }

 private:
  struct Scope {
    const Resource* type = nullptr;  // null: nothing is below, unless `open`
    bool open = false;               // any name is right
  };

  bool reject(std::string_view name) {
    failed_ = name;
    return false;
  }
  void skip_blanks() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::string_view take_name() {
    skip_blanks();
    const std::size_t end = std::min(text_.find_first_of(",()/", at_), text_.size());
    const std::string_view name = trim(text_.substr(at_, end - at_));
    at_ = end;
    return name;
  }

  bool list(const Scope& scope, FieldMask& into, int depth) {
    if (depth > kMaxDepth) return reject(text_);
    do {
      if (!path(scope, into, depth)) return false;
    } while (take(','));
    skip_blanks();
    return true;
  }

  bool path(const Scope& scope, FieldMask& into, int depth) {
    const std::string_view name = take_name();
    if (name.empty()) return reject(text_);
    if (name == "*") return wildcard(scope, into, depth);
    Scope below{nullptr, scope.open};
    if (!scope.open) {
      const Field* field = scope.type == nullptr ? nullptr : scope.type->find(name);
      if (field == nullptr) return reject(name);
      below = scope_below(*field);
    }
    FieldMask part;
    if (!rest(below, part, depth)) return false;
    into.children_[std::string(name)].merge(part);
    return true;
  }

  static Scope scope_below(const Field& field) {
    const bool map = field.type == Field::Type::kTextMap || field.type == Field::Type::kListMap;
    return Scope{field.object, map};
  }

  // What follows a name: "/path", "(mask)", or nothing (then all of it is wanted).
  bool rest(const Scope& below, FieldMask& part, int depth) {
    if (take('/')) {
      if (depth > kMaxDepth) return reject(text_);
      return path(below, part, depth + 1);
    }
    if (take('(')) return list(below, part, depth + 1) && (take(')') || reject(text_));
    part.all_ = true;
    return true;
  }

  // "*" wants everything; "*/name" goes down into each object that has the name.
  bool wildcard(const Scope& scope, FieldMask& into, int depth) {
    const std::size_t start = at_;
    FieldMask part;
    if (scope.type == nullptr) {
      if (!scope.open) return reject("*");
      if (!rest(scope, part, depth)) return false;
      into.merge(FieldMask::all());
      return true;
    }
    bool fits = false;
    std::size_t end = start;
    for (const Field& field : scope.type->fields) {
      at_ = start;
      FieldMask below;
      if (!rest(scope_below(field), below, depth)) continue;
      fits = true;
      end = at_;
      if (below.all_ && at_ == start) break;  // nothing follows
      into.children_[field.name].merge(below);
    }
    if (!fits) return false;
    at_ = end;
    if (end == start) into.merge(FieldMask::all());
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::string failed_;
};

ApiResult<FieldMask> FieldMask::parse(std::string_view text, const Resource& type) {
  text = trim(text);
  if (text.empty()) return FieldMask();
  Parser parser(text);
  auto mask = parser.parse(type);
  if (!mask) return errors::invalid_field(parser.failed());
  return *std::move(mask);
}

const FieldMask& FieldMask::default_of(const Resource& type) {
  static const std::map<std::string_view, FieldMask> default_masks = [] {
    std::map<std::string_view, FieldMask> masks;
    for (const DefaultMask& entry : kDefaults) {
      masks.emplace(entry.resource, *parse(entry.mask, resource(entry.resource)));
    }
    return masks;
  }();
  const auto found = default_masks.find(type.name);
  return found == default_masks.end() ? all() : found->second;
}

const FieldMask& FieldMask::all() {
  static const FieldMask everything = [] {
    FieldMask mask;
    mask.all_ = true;
    return mask;
  }();
  return everything;
}

const FieldMask& FieldMask::none() {
  static const FieldMask nothing;
  return nothing;
}

void FieldMask::merge(const FieldMask& other) {
  if (all_) return;
  if (other.all_) {
    all_ = true;
    children_.clear();
    return;
  }
  for (const auto& [name, mask] : other.children_) children_[name].merge(mask);
}

const FieldMask& FieldMask::child(std::string_view field) const {
  if (all_) return all();
  const auto found = children_.find(field);
  return found == children_.end() ? none() : found->second;
}

bool FieldMask::wants_path(std::string_view path) const {
  const FieldMask* mask = this;
  for (const std::string_view name : split(path, '/')) mask = &mask->child(name);
  return !mask->wants_none();
}

nlohmann::json FieldMask::apply(const nlohmann::json& value) const {
  if (all_) return value;
  if (value.is_array()) {
    nlohmann::json out = nlohmann::json::array();
    for (const auto& element : value) out.push_back(apply(element));
    return out;
  }
  nlohmann::json out = nlohmann::json::object();
  if (!value.is_object()) return out;
  for (const auto& [name, member] : value.items()) {
    const FieldMask& mask = child(name);
    if (mask.wants_none()) continue;
    nlohmann::json left = mask.apply(member);
    if (!mask.all_ && left.is_object() && left.empty()) continue;
    out[name] = std::move(left);
  }
  return out;
}

}  // namespace driveway::sim
