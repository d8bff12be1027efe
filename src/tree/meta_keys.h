// The keys of `meta` (docs/FORMAT.md). Private to meta_reader.cc and meta_writer.cc.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/strings.h"
#include "store/codec.h"

namespace driveway::tree::keys {

inline std::string inode(InodeId inode) { return store::Writer().key64(inode.value()).take(); }

inline std::string name(InodeId directory, std::string_view name) {
  return store::Writer().key64(directory.value()).raw(name).take();
}

inline std::string twin_prefix(InodeId directory, std::string_view base) {
  return store::Writer().key64(directory.value()).raw(base).u8(0).take();
}

inline std::string feed(const std::optional<DriveId>& drive) {
  return drive ? cat("d", *drive) : "a";
}

inline std::string recent(const FileId& id) { return cat('i', id); }
inline std::string recent_parent(const FileId& parent) { return cat('p', parent, '\0'); }
inline std::string recent_time(WallTime at) {
  return store::Writer()
      .u8('t')
      .key64(static_cast<std::uint64_t>(at.time_since_epoch().count()))
      .take();
}

inline std::string shortcut_prefix(const FileId& target) { return cat(target, '\0'); }

inline std::string pair(char kind, InodeId first, InodeId second) {
  return store::Writer()
      .u8(static_cast<std::uint8_t>(kind))
      .key64(first.value())
      .key64(second.value())
      .take();
}
inline std::string single(char kind, InodeId inode) {
  return store::Writer().u8(static_cast<std::uint8_t>(kind)).key64(inode.value()).take();
}

// The number in the 8 bytes of a key or value.
inline InodeId read_inode(std::string_view bytes) { return InodeId(store::Reader(bytes).key64()); }

inline constexpr std::string_view kAbout = "about";
inline constexpr std::string_view kBegun = "begun";
inline constexpr std::string_view kNextEpoch = "next_epoch";

}  // namespace driveway::tree::keys
