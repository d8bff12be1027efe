// What is to be changed in Drive, typed (drive-api reference 2, 5, 9).
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/secret.h"
#include "drive/item.h"

namespace driveway::drive {

// A content of up to this size goes to Drive in one request; of a larger one Drive wants a session.
inline constexpr Bytes kMostInOneRequest = 5 * kMiB;
// What is sent to a session, but for its end, is a multiple of this (reference 5.3).
inline constexpr Bytes kUploadUnit = 256 * kKiB;

// The bytes of an upload; they stay the same as long as somebody reads them.
class ContentSource {
 public:
  virtual ~ContentSource() = default;
  virtual Bytes size() const = 0;
  // Fills all of `buffer` from `offset`. REQUIRES that it lies within the size. Called by one
  // thread at a time, mostly in order; from an earlier offset again where a request is repeated.
  // Its error ends the upload and is returned as it is.
  virtual Status read(Bytes offset, std::span<std::byte> buffer) = 0;
};

// A new item. REQUIRES kind kFile, kFolder or kShortcut.
struct NewItem {
  // From generate_ids(): a create that is repeated with it makes no second item. Empty: Drive
  // chooses one.
  FileId id;
  std::string name;
  FileId parent;
  ItemKind kind = ItemKind::kFile;
  std::string mime_type;  // of a file; never a Google type, which would convert it
  std::optional<Shortcut> shortcut;
  std::optional<WallTime> created;  // to the millisecond, as all times of Drive
  std::optional<WallTime> modified;
  std::map<std::string, std::string> properties;  // public ones; key and value ≤ 124 bytes of UTF-8
  bool keep_revision = false;                     // of its content: keepRevisionForever
};

// A move from one folder to another.
struct Move {
  FileId from;  // empty: it is in none that the account sees
  FileId to;
};

// What of an item is to become different; what is absent stays as it is.
struct ItemPatch {
  std::optional<std::string> name{};
  std::optional<Move> move{};
  std::optional<bool> trashed{};
  std::optional<WallTime> modified{};  // absent and a new content: the time of the server
  // Only with a new content, and then always: without it Drive guesses from the bytes.
  std::optional<std::string> mime_type{};
  std::map<std::string, std::optional<std::string>> properties{};  // nothing: removed
  bool keep_revision = false;                                      // of the new content
};

// A resumable upload that Drive has begun (reference 5.2). Good for a week; bound to what it was
// begun with.
struct UploadSession {
  Secret uri;  // whoever knows it can write to the upload
  Bytes size = 0;
  FileId id{};  // of the item that it makes or changes; empty: Drive chooses it
};

// How far an upload has come.
struct UploadProgress {
  Bytes stored = 0;          // what Drive has; it goes on from here. Less than all without an item
  std::optional<Item> item;  // the upload is finished
};

struct RevisionInfo {
  Revision id;
  std::string md5;  // hex
  std::optional<Bytes> size;
  WallTime modified{};
  bool keep_forever = false;
};

}  // namespace driveway::drive
