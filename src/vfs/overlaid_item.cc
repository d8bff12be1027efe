#include "vfs/overlaid_item.h"

#include <map>
#include <string>

namespace driveway::vfs {
namespace {

void set_properties(const journal::Change& change, std::map<std::string, std::string>& properties) {
  for (const auto& [key, value] : change.wanted.properties) {
    if (value) {
      properties[key] = *value;
    } else {
      properties.erase(key);
    }
  }
}

}  // namespace

void overlay_item(const journal::Change& change, drive::Item& item) {
  const journal::Known& known = change.known;
  if (item.id.empty() || item.id != known.id) {
    item.id = known.id;
    item.version = known.version;
    item.head_revision = known.head_revision;
    item.md5 = known.md5;
    item.sha1.clear();
    item.sha256.clear();
    item.size = known.size;
    item.modified = known.modified;
    item.properties = known.properties;
    item.parent = known.parent;
    item.trashed = item.explicitly_trashed = known.trashed;
  }
  if (item.created == WallTime()) item.created = change.since;
  item.name = change.name();
  item.kind = change.kind;
  item.mime_type = change.mime_type;
  if (!change.drive.empty()) item.drive = change.drive;
  if (change.wanted.parent) item.parent = change.wanted.parent_id;
  if (item.parent && item.parent->empty()) item.parent.reset();
  if (change.wanted.modified) item.modified = *change.wanted.modified;
  set_properties(change, item.properties);
  if (!change.wanted.content) return;
  item.head_revision = {};
  item.md5.clear();
  item.sha1.clear();
  item.sha256.clear();
  item.size = change.wanted.content->bytes.size;
}

}  // namespace driveway::vfs
