// The `fields` mask (drive-api reference 1.5): "nextPageToken,files(id,name,owners/emailAddress)".
//
//   mask := path ("," path)*     path := name ("/" path | "(" mask ")")?     name may be "*"
//
// Immutable once parsed: thread-safe. A serializer walks it along with what it writes:
//   if (mask.wants("owners")) write_owners(mask.child("owners"));
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "sim/lang/api_result.h"
#include "sim/lang/resources.h"

namespace driveway::sim {

class FieldMask {
 public:
  // Lists are transparent. A blank text wants nothing: the answer is {} (reference 1.10). Errors:
  // 400 "Invalid field selection NAME" for a name that `type` has not, or for bad syntax.
  static ApiResult<FieldMask> parse(std::string_view text, const Resource& type);
  // What `type` gives without a mask: files, changes, shared drives, permissions and revisions, and
  // the lists of these, their short form; everything else all.
  static const FieldMask& default_of(const Resource& type);

  static const FieldMask& all();
  static const FieldMask& none();
  FieldMask() = default;  // none()

  // Everything from here on: there is no need to ask for single fields.
  bool wants_all() const { return all_; }
  bool wants_none() const { return !all_ && children_.empty(); }
  bool wants(std::string_view field) const { return all_ || !child(field).wants_none(); }
  // Along a path: wants_path("files/owners/me").
  bool wants_path(std::string_view path) const;
  // The mask of what is below `field`: all() for a field that is wanted whole, none() for one that
  // is not wanted. Lives as long as this mask.
  const FieldMask& child(std::string_view field) const;

  // What is left of `value`. Empty objects in lists stay; wanted objects of which nothing is left
  // do not.
  nlohmann::json apply(const nlohmann::json& value) const;

 private:
  class Parser;
  struct ChildrenLess {
    using is_transparent = void;
    bool operator()(std::string_view a, std::string_view b) const { return a < b; }
  };

  void merge(const FieldMask& other);

  bool all_ = false;
  std::map<std::string, FieldMask, ChildrenLess> children_;
};

}  // namespace driveway::sim
