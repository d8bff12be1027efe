// Which fields the API's resources have: what masks are checked against (field_mask.h) and what
// the discovery document tells (discovery.h). From drive-api reference 2, 5.11, 6 and 8.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace driveway::sim {

struct Resource;

struct Field {
  enum class Type {
    kString,
    kBool,
    kInt32,
    kInt64,  // a JSON string
    kTime,   // RFC 3339
    kDate,
    kDouble,
    kObject,   // `object`
    kTextMap,  // keys are the user's: any name may be asked for below it
    kListMap,  // keys are the user's, values are lists of strings
  };
  std::string name;
  Type type = Type::kString;
  bool list = false;
  const Resource* object = nullptr;  // of kObject
};

struct Resource {
  std::string name;  // "File"
  std::vector<Field> fields;

  const Field* find(std::string_view field) const;  // or null
};

// By the name of its schema: File, FileList, Change, ChangeList, StartPageToken, Drive, DriveList,
// Permission, PermissionList, Revision, RevisionList, About, GeneratedIds, User.
// REQUIRES: exists. Built once; thread-safe.
const Resource& resource(std::string_view name);
// All of them, those that others refer to first.
std::span<const Resource* const> all_resources();

}  // namespace driveway::sim
