#include "journal/change.h"

#include <span>
#include <type_traits>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "store/codec.h"

namespace driveway::journal {
namespace {

constexpr std::uint8_t kVersion = 1;
// More elements than any row has: what asks for more is damaged.
constexpr std::uint64_t kMostElements = 1 << 20;

// Packer and Unpacker go through the same fields in the same order: the functions `fields` below
// say which.
class Packer {
 public:
  static constexpr bool kWrites = true;
  explicit Packer(std::string_view head) { writer_.raw(head); }
  void operator()(const std::uint64_t& value) { writer_.varint(value); }
  void operator()(const bool& value) { writer_.u8(value ? 1 : 0); }
  void operator()(const std::string& value) { writer_.text(value); }
  void operator()(const SharedText& value) { writer_.text(value); }
  void operator()(const Secret& value) { writer_.text(value.reveal()); }
  void operator()(const WallTime& value) { writer_.zigzag(value.time_since_epoch().count()); }
  void operator()(const Milliseconds& value) { writer_.zigzag(value.count()); }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void operator()(const Enum& value, Enum /*last*/) {
    writer_.u8(static_cast<std::uint8_t>(value));
  }
  std::string take() { return writer_.take(); }

 private:
  store::Writer writer_;
};

class Unpacker {
 public:
  static constexpr bool kWrites = false;
  explicit Unpacker(std::string_view bytes) : reader_(bytes) {}
  void operator()(std::uint64_t& value) { value = reader_.varint(); }
  void operator()(bool& value) {
    const std::uint8_t byte = reader_.u8();
    if (byte > 1) damaged_ = true;
    value = byte != 0;
  }
  void operator()(std::string& value) { value = reader_.text(); }
  void operator()(SharedText& value) { value = std::string(reader_.text()); }
  void operator()(Secret& value) { value = Secret(std::string(reader_.text())); }
  void operator()(WallTime& value) { value = WallTime(Milliseconds(reader_.zigzag())); }
  void operator()(Milliseconds& value) { value = Milliseconds(reader_.zigzag()); }
  template <typename Enum>
  requires std::is_enum_v<Enum>
  void operator()(Enum& value, Enum last) {
    const std::uint8_t byte = reader_.u8();
    if (byte > static_cast<std::uint8_t>(last)) damaged_ = true;
    value = damaged_ ? Enum{} : static_cast<Enum>(byte);
  }
  void damaged() { damaged_ = true; }
  bool ok() const { return reader_.ok() && !damaged_; }
  bool at_end() const { return reader_.at_end(); }

 private:
  store::Reader reader_;
  bool damaged_ = false;
};

template <typename Archive, typename Tag, typename T>
void fields(Archive& archive, StrongId<Tag, T>& id) {
  if constexpr (Archive::kWrites) {
    archive(id.value());
  } else {
    T value{};
    archive(value);
    id = StrongId<Tag, T>(std::move(value));
  }
}

template <typename Archive>
void fields(Archive& archive, std::uint64_t& value) {
  archive(value);
}
template <typename Archive>
void fields(Archive& archive, std::string& value) {
  archive(value);
}
template <typename Archive>
void fields(Archive& archive, WallTime& value) {
  archive(value);
}

template <typename Archive, typename T>
void optional(Archive& archive, std::optional<T>& value) {
  bool present = value.has_value();
  archive(present);
  if (!present) {
    value.reset();
    return;
  }
  if (!value) value.emplace();
  fields(archive, *value);
}

template <typename Archive>
void fields(Archive& archive, std::optional<std::string>& value) {
  optional(archive, value);
}

// How many elements follow.
template <typename Archive>
std::uint64_t count(Archive& archive, std::uint64_t size) {
  archive(size);
  if constexpr (!Archive::kWrites) {
    if (size > kMostElements) archive.damaged();
    if (!archive.ok()) return 0;
  }
  return size;
}

template <typename Archive, typename T>
void entries(Archive& archive, std::map<std::string, T>& map) {
  const std::uint64_t size = count(archive, map.size());
  if constexpr (Archive::kWrites) {
    for (auto& [key, value] : map) {
      archive(key);
      fields(archive, value);
    }
  } else {
    for (std::uint64_t i = 0; i < size && archive.ok(); ++i) {
      std::string key;
      archive(key);
      fields(archive, map[std::move(key)]);
    }
  }
}

template <typename Archive>
void inodes(Archive& archive, std::vector<InodeId>& list) {
  const std::uint64_t size = count(archive, list.size());
  for (std::uint64_t i = 0; i < size; ++i) {
    if constexpr (!Archive::kWrites) {
      if (!archive.ok()) return;
      list.emplace_back();
    }
    fields(archive, list[i]);
  }
}

template <typename Archive>
void fields(Archive& archive, CopySource& source) {
  fields(archive, source.id);
  fields(archive, source.revision);
}

template <typename Archive>
void fields(Archive& archive, Overwritten& overwritten) {
  fields(archive, overwritten.revision);
  fields(archive, overwritten.saved_as);
}

template <typename Archive>
void fields(Archive& archive, Known& known) {
  fields(archive, known.id);
  archive(known.exists);
  fields(archive, known.parent);
  fields(archive, known.parent_inode);
  archive(known.name);
  archive(known.trashed);
  archive(known.modified);
  entries(archive, known.properties);
  fields(archive, known.head_revision);
  archive(known.md5);
  optional(archive, known.size);
  archive(known.version);
  archive(known.operation);
}

template <typename Archive>
void fields(Archive& archive, ContentState& bytes) {
  archive(bytes.number);
  archive(bytes.state);
  archive(bytes.size);
  fields(archive, bytes.base.id);
  fields(archive, bytes.base.revision);
  archive(bytes.base.md5);
  archive(bytes.base.size);
  optional(archive, bytes.copy);
  archive(bytes.truncated_only);
}

template <typename Archive>
void fields(Archive& archive, Content& content) {
  fields(archive, content.bytes);
  archive(content.generation);
  archive(content.began_order);
  archive(content.closed_order);
  archive(content.dirty_since);
  optional(archive, content.closed_at);
  archive(content.acknowledged);
  optional(archive, content.refused);
}

template <typename Archive>
void fields(Archive& archive, Wanted& wanted) {
  optional(archive, wanted.parent);
  fields(archive, wanted.parent_id);
  optional(archive, wanted.name);
  archive(wanted.deleted);
  archive(wanted.permanently);
  archive(wanted.restored);
  optional(archive, wanted.modified);
  entries(archive, wanted.properties);
  optional(archive, wanted.content);
}

template <typename Archive>
void fields(Archive& archive, Sent& sent) {
  archive(sent.action, Action::kRemove);
  archive(sent.ticket);
  archive(sent.order);
  archive(sent.generation);
  fields(archive, sent.id);
  fields(archive, sent.parent);
  fields(archive, sent.parent_inode);
  fields(archive, sent.from);
  optional(archive, sent.name);
  optional(archive, sent.modified);
  entries(archive, sent.properties);
  archive(sent.restored);
  fields(archive, sent.content);
  archive(sent.md5);
  fields(archive, sent.base_revision);
  fields(archive, sent.replaces);
  archive(sent.session);
  archive(sent.offset);
  optional(archive, sent.overwritten);
  archive(sent.at);
}

template <typename Archive>
void fields(Archive& archive, Problem& problem) {
  archive(problem.code, ErrorCode::kInternal);
  archive(problem.message);
  archive(problem.permanent);
  archive(problem.at);
}

template <typename Archive>
void fields(Archive& archive, Change& change) {
  fields(archive, change.inode);
  archive(change.kind, drive::ItemKind::kDocument);
  archive(change.mime_type);
  fields(archive, change.drive);
  fields(archive, change.known);
  fields(archive, change.wanted);
  optional(archive, change.sent);
  archive(change.order);
  archive(change.confirmed_order);
  archive(change.confirmed_generation);
  archive(change.since);
  archive(change.changed_at);
  optional(archive, change.confirmed_at);
  archive(change.echoed);
  archive(change.uploaded_at);
  archive(change.upload_took);
  archive(change.tries);
  archive(change.not_before);
  archive(change.mismatches);
  optional(archive, change.problem);
  fields(archive, change.after);
  archive(change.after_order);
  fields(archive, change.replaces);
  inodes(archive, change.path);
}

std::uint32_t checksum(std::string_view bytes) {
  return crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

Error corrupt(std::string_view what) {
  return {ErrorCode::kCorrupt, cat("journal: a change that ", what)};
}

}  // namespace

bool is_permanent(const Error& error) {
  if (error.retryable) return false;
  switch (error.code) {
    case ErrorCode::kLoginNeeded:
    case ErrorCode::kRateLimited:
    case ErrorCode::kQuotaExceeded:
    case ErrorCode::kStorageFull:
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kStale:
    case ErrorCode::kBusy:
      return false;
    default:
      return true;
  }
}

// Hashes may come later than the content that they are of; equal bytes are no conflict.
bool keep_content(Known& known, const Revision& head, const std::string& md5,
                  std::optional<Bytes> size) {
  const bool is_same =
      known.head_revision == head || (!known.md5.empty() && known.md5 == md5 && known.size == size);
  if (is_same) return false;
  known.head_revision = head;
  known.md5 = md5;
  known.size = size;
  return true;
}

bool is_lost(const Change& change) {
  return !change.known.exists && !change.sent && !change.is_folder() && !change.wanted.deleted &&
         !change.wanted.content;
}

std::string encode(const Change& change) {
  const std::string head = store::Writer().u8(kVersion).fixed32(0).take();
  Packer packer(head);
  Change copy = change;  // fields() goes both ways, so it wants one that could be written to
  fields(packer, copy);
  std::string bytes = packer.take();
  const std::uint32_t crc = checksum(std::string_view(bytes).substr(head.size()));
  const std::string start = store::Writer().u8(kVersion).fixed32(crc).take();
  return bytes.replace(0, start.size(), start);
}

Result<Change> decode_change(std::string_view bytes) {
  store::Reader reader(bytes);
  const std::uint8_t version = reader.u8();
  const std::uint32_t crc = reader.fixed32();
  if (!reader.ok()) return corrupt("is cut off");
  if (version != kVersion) return corrupt(cat("has the unknown version ", std::to_string(version)));
  const std::string_view body = reader.rest();
  if (checksum(body) != crc) return corrupt("does not have its checksum");
  Unpacker unpacker(body);
  Change change;
  fields(unpacker, change);
  if (!unpacker.ok() || !unpacker.at_end()) return corrupt("cannot be read");
  return change;
}

std::string name_beside(std::string_view name, std::string_view word) {
  constexpr std::size_t kLongest = 255;
  const std::string insert = cat(" (", word, ")");
  const std::size_t dot = name.rfind('.');
  const bool has_extension = dot != std::string_view::npos && dot > 0 && name.size() - dot <= 16;
  const std::string_view extension = has_extension ? name.substr(dot) : std::string_view();
  std::string_view stem = name.substr(0, name.size() - extension.size());
  const std::size_t rest = insert.size() + extension.size();
  const std::size_t room = kLongest > rest ? kLongest - rest : 1;
  if (stem.size() > room) {
    std::size_t end = room;  // not within a character of UTF-8
    while (end > 0 && (static_cast<unsigned char>(stem[end]) & 0xC0) == 0x80) --end;
    stem = stem.substr(0, end);
  }
  return cat(stem, insert, extension);
}

}  // namespace driveway::journal
