// Strong types for what must not be mixed.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <utility>

namespace driveway {

// A value of T that converts to nothing: StrongId<struct FooTag, std::string>.
template <typename Tag, typename T>
class StrongId {
 public:
  StrongId() = default;
  explicit StrongId(T value) : value_(std::move(value)) {}
  const T& value() const { return value_; }
  bool empty() const requires requires(const T& t) { t.empty(); }
  { return value_.empty(); }
  friend auto operator<=>(const StrongId&, const StrongId&) = default;
  friend std::ostream& operator<<(std::ostream& out, const StrongId& id) {
    return out << id.value_;
  }

 private:
  T value_{};
};

using InodeId = StrongId<struct InodeIdTag, std::uint64_t>;
using FileId = StrongId<struct FileIdTag, std::string>;  // Drive's id of a file, folder or shortcut
using DriveId =
    StrongId<struct DriveIdTag, std::string>;  // id of a shared drive (also of its top folder)
using Revision = StrongId<struct RevisionTag, std::string>;  // headRevisionId
// Names a content, not a place: "sha256:HEX:SIZE", "md5:HEX:SIZE", or "rev:FILEID:HEADREVISIONID"
// (design: where bytes live). Two items with equal ContentId have equal bytes.
using ContentId = StrongId<struct ContentIdTag, std::string>;
using BlockIndex = StrongId<struct BlockIndexTag, std::uint64_t>;

}  // namespace driveway

template <typename Tag, typename T>
struct std::hash<driveway::StrongId<Tag, T>> {
  std::size_t operator()(const driveway::StrongId<Tag, T>& id) const noexcept {
    return std::hash<T>{}(id.value());
  }
};
