// What a client writes in the body of create, update and copy: a partial File resource
// (drive-api reference 2). A member that is absent changes nothing; null clears it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/drive/model.h"

namespace driveway::sim {

enum class EditUse { kCreate, kUpdate, kCopy };

struct FileEdit {
  // Nothing as value: the key goes.
  using Map = std::map<std::string, std::optional<std::string>>;

  std::optional<std::string> id;
  std::optional<std::string> name;
  std::optional<std::string> mime_type;
  std::optional<std::string> description;
  std::optional<std::string> folder_color;
  std::optional<std::string> original_name;
  std::optional<std::vector<std::string>> parents;
  std::optional<std::string> shortcut_target;
  std::optional<Ms> created;
  std::optional<Ms> modified;
  std::optional<Ms> viewed;
  std::optional<bool> starred;
  std::optional<bool> trashed;
  std::optional<bool> copy_requires_writer;
  std::optional<bool> writers_can_share;
  std::optional<bool> read_only;  // of contentRestrictions
  std::string restriction_reason;
  Map properties;
  Map app_properties;
};

// Throws Refused: parseError (no JSON), invalid (a wrong type), fieldNotWritable (a member that is
// output only, or not writable in this use). An empty text is an empty edit.
FileEdit parse_file_edit(std::string_view json_text, EditUse use);

// Writes what an edit of any use may change into `item` and `extras`: all but id, parents,
// mimeType, shortcut target, trashed. Throws Refused: propertyLengthLimitExceeded and the limits of
// count (drive-api reference 2).
void apply_plain_edit(const FileEdit& edit, Text user, Text project, Item& item, Extras& extras);

}  // namespace driveway::sim
