// What the endpoints under /__sim/ ask of the simulated Drive: accounts, seed trees, dumps.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"

namespace driveway::sim {

struct DumpRequest {
  std::string account;  // "" = the first account
  std::string drive;    // id or name of a shared drive; "" = the account's My Drive
  // What does not hang below the root: items shared with the account; and what is in the trash.
  bool shared_with_me = false;
  bool trashed = false;  // also trashed items
};

// Thread-safe. JSON keys that are not named here are refused (kInvalidArgument names the key).
class StateAdmin {
 public:
  virtual ~StateAdmin() = default;

  // {"email":"a@example.com", "name":"Ann", "storage_limit":16106127360 | null (none),
  //  "service_account":false}. All but `email` may be absent; an account that exists gets the
  // settings that are named. Returns {"email","permission_id","root_id"}.
  virtual Result<nlohmann::json> create_account(const nlohmann::json& spec) = 0;

  // Adds items below a root. Missing folders of a path are made (and reused by later entries), all
  // else is created even where the name exists (duplicates are wanted).
  //
  // {"account":"a@example.com",            absent: the first account
  //  "items":[ITEM…], "trees":[TREE…],     in My Drive
  //  "shared_drives":[{"name":"Team", "id":"0A…" (optional), "members":{"b@example.com":"writer"},
  //                    "items":[…], "trees":[…]}]}   `account` is organizer; an existing name or id
  //                                                  is added to
  // ITEM: "path": "a/b/c.bin", or ["a","b","odd/name"] for names that hold a slash; "type": "file"
  //   (default), "folder", "shortcut", or a native Doc: "document", "spreadsheet", "presentation",
  //   "drawing", "form". File: "size" with "seed" (synthetic content), or "content" (text), or
  //   "content_base64". Doc: "content" (text of its exports). Shortcut: "target" (a path as above,
  //   of an item of the same call or an older one) or "target_id" (which may dangle). Any:
  //   "mime_type", "modified", "created" (RFC 3339), "properties", "app_properties",
  //   "description", "starred", "trashed", "share_with": {"b@example.com":"reader"}, "id",
  //   "copies": N (the same item so many times: duplicates), "abusive" (flagged: its download
  //   needs acknowledgeAbuse), "download_quota_exceeded" (its download is refused).
  // TREE: "path": "train", "folders": 1000 (0: the files lie in `path` itself), "files": 100 (in
  //   each folder), "size": 1024 (or "min_size" and "max_size", drawn by the seed), "seed": 1,
  //   "prefix": "f", "suffix": ".bin", "mime_type". Names are d00000/f00000000.bin, numbered.
  // Sizes go up to 5 TiB, counts to 10 million.
  //
  // Hashes of synthetic content are computed in the background: see ready(). Returns
  // {"items": how many were made, "bytes": their content in all, "drives": {"Team":"0A…"}}.
  virtual Result<nlohmann::json> seed(const nlohmann::json& spec) = 0;

  // Every item below the root, parents before children, one JSON object a line (NDJSON):
  // {"path":"a/b/c.bin", "names":["a","b","c.bin"], "id", "mimeType", "parent", "modifiedTime",
  //  "trashed", and where the item has it: "size" (a number), "md5Checksum", "sha256Checksum",
  //  "headRevisionId", "version" (a number), "targetId", "targetMimeType", "properties"}.
  // 100,000 items in well under a second. Errors: kNotFound (account or drive).
  virtual Result<std::string> dump(const DumpRequest& request) = 0;

  // False while hashes of seeded content are being computed.
  virtual bool ready() const = 0;
};

}  // namespace driveway::sim
