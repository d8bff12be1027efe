// The logs behind changes.list (drive-api reference 6): one for each user, one for each shared
// drive. All numbers come from one counter, so a number is a place in every log.
//
// An entry names what changed, not how: the answer shows the resource as it is when asked, or
// `removed` when the asker cannot see it any more. A later change of the same item takes the place
// of the earlier entry (merged entries). Not thread-safe: the World's mutex guards it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "sim/drive/model.h"

namespace driveway::sim {

using ChangeNumber = std::uint64_t;

struct ChangeEntry {
  std::string id;  // of a file, or of a shared drive
  Ms time = 0;
  bool is_drive = false;
  // It went from a My Drive to a shared drive: who reads the users' log alone has lost it, though
  // he may still see it.
  bool left = false;
};

class ChangeLog {
 public:
  using Entries = std::map<ChangeNumber, ChangeEntry>;
  void add(ChangeNumber number, ChangeEntry entry);
  const Entries& entries() const { return entries_; }

 private:
  struct Key {
    std::string_view id;  // of the entry
    bool is_drive;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const { return std::hash<std::string_view>{}(key.id); }
  };
  Entries entries_;
  std::unordered_map<Key, ChangeNumber, KeyHash> latest_;
};

}  // namespace driveway::sim
