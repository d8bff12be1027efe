#include "tree/rows.h"

#include <map>
#include <utility>

#include "base/strings.h"
#include "store/codec.h"

namespace driveway::tree {
namespace {

using store::Reader;
using store::Writer;

enum ItemFlag : std::uint64_t {
  kTrashed = 1 << 0,
  kExplicitlyTrashed = 1 << 1,
  kOwnedByMe = 1 << 2,
  kCanDownload = 1 << 3,
  kCanEdit = 1 << 4,
  kCanAddChildren = 1 << 5,
  kHasParent = 1 << 6,
  kHasDrive = 1 << 7,
  kHasSize = 1 << 8,
  kHasShortcut = 1 << 9,
  kHasProperties = 1 << 10,
  kHasResourceKey = 1 << 11,
  kGone = 1 << 12,
  kSuperseded = 1 << 13,
};

Error corrupt(std::string_view what) { return {ErrorCode::kCorrupt, cat("meta: a bad ", what)}; }

template <typename T>
Result<T> checked(const Reader& reader, T value, std::string_view what) {
  if (!reader.ok()) return corrupt(what);
  return value;
}

std::uint64_t flags_of(const ItemRow& row) {
  const drive::Item& item = row.item;
  const auto flag = [](bool set, std::uint64_t bit) { return set ? bit : 0; };
  return flag(item.trashed, kTrashed) | flag(item.explicitly_trashed, kExplicitlyTrashed) |
         flag(item.owned_by_me, kOwnedByMe) | flag(item.capabilities.can_download, kCanDownload) |
         flag(item.capabilities.can_edit, kCanEdit) |
         flag(item.capabilities.can_add_children, kCanAddChildren) |
         flag(item.parent.has_value(), kHasParent) | flag(item.drive.has_value(), kHasDrive) |
         flag(item.size.has_value(), kHasSize) | flag(item.shortcut.has_value(), kHasShortcut) |
         flag(!item.properties.empty() || !item.app_properties.empty(), kHasProperties) |
         flag(!item.resource_key.empty(), kHasResourceKey) | flag(row.gone, kGone) |
         flag(row.superseded, kSuperseded);
}

// A hash: as its bytes where it is lower-case hex, else as it stands.
void write_hash(Writer& writer, const std::string& hash) {
  const auto bytes = from_hex(hash);
  const bool packed = bytes.ok() && hex(*bytes) == hash;
  writer.u8(packed ? 1 : 0).text(packed ? *bytes : hash);
}

std::string read_hash(Reader& reader) {
  const bool packed = reader.u8() != 0;
  const std::string_view bytes = reader.text();
  return packed ? hex(bytes) : std::string(bytes);
}

std::string read_text(Reader& reader) { return std::string(reader.text()); }

WallTime read_time(Reader& reader) { return WallTime(std::chrono::milliseconds(reader.zigzag())); }

std::map<std::string, std::string> read_map(Reader& reader) {
  std::map<std::string, std::string> entries;
  for (std::uint64_t count = reader.varint(); count > 0 && reader.ok(); --count) {
    std::string key = read_text(reader);
    entries[std::move(key)] = read_text(reader);
  }
  return entries;
}

void write_map(Writer& writer, const std::map<std::string, std::string>& entries) {
  writer.varint(entries.size());
  for (const auto& [key, value] : entries) writer.text(key).text(value);
}

void write_item(Writer& writer, const drive::Item& item, std::uint64_t flags) {
  writer.u8(static_cast<std::uint8_t>(item.kind)).text(item.id.value()).text(item.name);
  writer.text(item.mime_type);
  if (flags & kHasParent) writer.text(item.parent->value());
  if (flags & kHasDrive) writer.text(item.drive->value());
  if (flags & kHasSize) writer.varint(*item.size);
  write_hash(writer, item.md5);
  write_hash(writer, item.sha1);
  write_hash(writer, item.sha256);
  writer.text(item.head_revision.value()).varint(item.version);
  writer.zigzag(item.created.time_since_epoch().count());
  writer.zigzag(item.modified.time_since_epoch().count());
  if (flags & kHasShortcut) {
    writer.text(item.shortcut->target.value()).text(item.shortcut->target_mime_type);
    writer.text(item.shortcut->target_resource_key);
  }
  if (flags & kHasResourceKey) writer.text(item.resource_key);
  writer.text(item.web_view_link);
  if (flags & kHasProperties) {
    write_map(writer, item.properties);
    write_map(writer, item.app_properties);
  }
}

drive::Item read_item(Reader& reader, std::uint64_t flags) {
  drive::Item item;
  item.kind = static_cast<drive::ItemKind>(reader.u8() & 3);
  item.id = FileId(read_text(reader));
  item.name = read_text(reader);
  item.mime_type = read_text(reader);
  if (flags & kHasParent) item.parent = FileId(read_text(reader));
  if (flags & kHasDrive) item.drive = DriveId(read_text(reader));
  if (flags & kHasSize) item.size = reader.varint();
  item.md5 = read_hash(reader);
  item.sha1 = read_hash(reader);
  item.sha256 = read_hash(reader);
  item.head_revision = Revision(read_text(reader));
  item.version = reader.varint();
  item.created = read_time(reader);
  item.modified = read_time(reader);
  if (flags & kHasShortcut) {
    item.shortcut.emplace();
    item.shortcut->target = FileId(read_text(reader));
    item.shortcut->target_mime_type = read_text(reader);
    item.shortcut->target_resource_key = read_text(reader);
  }
  if (flags & kHasResourceKey) item.resource_key = read_text(reader);
  item.web_view_link = read_text(reader);
  if (flags & kHasProperties) {
    item.properties = read_map(reader);
    item.app_properties = read_map(reader);
  }
  item.trashed = (flags & kTrashed) != 0;
  item.explicitly_trashed = (flags & kExplicitlyTrashed) != 0;
  item.owned_by_me = (flags & kOwnedByMe) != 0;
  item.capabilities = {(flags & kCanDownload) != 0, (flags & kCanEdit) != 0,
                       (flags & kCanAddChildren) != 0};
  return item;
}

}  // namespace

std::string encode(const ItemRow& row) {
  const std::uint64_t flags = flags_of(row);
  Writer writer;
  writer.varint(flags).varint(row.epoch).varint(row.directory.value()).text(row.name);
  if (row.item.shortcut) writer.varint(row.last_target.value()).varint(row.dangling_epoch);
  write_item(writer, row.item, flags);
  return writer.take();
}

Result<ItemRow> decode_item(InodeId inode, std::string_view bytes) {
  Reader reader(bytes);
  ItemRow row;
  row.inode = inode;
  const std::uint64_t flags = reader.varint();
  row.gone = (flags & kGone) != 0;
  row.superseded = (flags & kSuperseded) != 0;
  row.epoch = reader.varint();
  row.directory = InodeId(reader.varint());
  row.name = read_text(reader);
  if (flags & kHasShortcut) {
    row.last_target = InodeId(reader.varint());
    row.dangling_epoch = reader.varint();
  }
  row.item = read_item(reader, flags);
  return checked(reader, std::move(row), "item");
}

std::string encode(const Dentry& dentry) {
  Writer writer;
  const std::uint8_t flags = static_cast<std::uint8_t>(dentry.kind) | (dentry.fixed ? 0x10 : 0) |
                             (dentry.has_twins ? 0x20 : 0);
  return writer.u8(flags).varint(dentry.inode.value()).varint(dentry.run).raw(dentry.base).take();
}

Result<Dentry> decode_dentry(std::string_view bytes) {
  Reader reader(bytes);
  Dentry dentry;
  const std::uint8_t flags = reader.u8();
  dentry.kind = static_cast<EntryKind>(flags & 0x0F);
  dentry.fixed = (flags & 0x10) != 0;
  dentry.has_twins = (flags & 0x20) != 0;
  dentry.inode = InodeId(reader.varint());
  dentry.run = reader.varint();
  dentry.base = reader.rest();
  return checked(reader, std::move(dentry), "name");
}

std::string encode(const ListingRow& row) {
  return Writer().varint(row.epoch).u8(row.partial ? 1 : 0).varint(row.children).take();
}

Result<ListingRow> decode_listing(std::string_view bytes) {
  Reader reader(bytes);
  ListingRow row;
  row.epoch = reader.varint();
  row.partial = reader.u8() != 0;
  row.children = reader.varint();
  return checked(reader, row, "listing");
}

std::string encode(const FeedRow& row) { return Writer().varint(row.epoch).raw(row.token).take(); }

Result<FeedRow> decode_feed(std::string_view bytes) {
  Reader reader(bytes);
  FeedRow row;
  row.epoch = reader.varint();
  row.token = reader.rest();
  return checked(reader, std::move(row), "feed token");
}

std::string encode(const RecentRow& row) {
  Writer writer;
  writer.zigzag(row.at.time_since_epoch().count());
  writer.u8(static_cast<std::uint8_t>((row.removed ? 1 : 0) | (row.parent ? 2 : 0)));
  writer.varint(row.version);
  if (row.parent) writer.raw(row.parent->value());
  return writer.take();
}

Result<RecentRow> decode_recent(std::string_view bytes) {
  Reader reader(bytes);
  RecentRow row;
  row.at = WallTime(std::chrono::milliseconds(reader.zigzag()));
  const std::uint8_t flags = reader.u8();
  row.removed = (flags & 1) != 0;
  row.version = reader.varint();
  if (flags & 2) row.parent = FileId(std::string(reader.rest()));
  return checked(reader, std::move(row), "recent change");
}

std::string encode(const AliasRow& row) {
  return Writer()
      .varint(row.real.value())
      .varint(row.parent.value())
      .varint(row.shortcut.value())
      .take();
}

Result<AliasRow> decode_alias(std::string_view bytes) {
  Reader reader(bytes);
  AliasRow row;
  row.real = InodeId(reader.varint());
  row.parent = InodeId(reader.varint());
  row.shortcut = InodeId(reader.varint());
  return checked(reader, row, "alias");
}

std::string encode(const drive::About& about) {
  Writer writer;
  writer.text(about.display_name).text(about.email).text(about.permission_id);
  writer.text(about.root.value());
  writer.varint(about.storage_limit ? *about.storage_limit + 1 : 0);
  writer.varint(about.usage).varint(about.usage_in_drive).varint(about.usage_in_trash);
  return writer.u8(about.can_create_drives ? 1 : 0).take();
}

Result<drive::About> decode_about(std::string_view bytes) {
  Reader reader(bytes);
  drive::About about;
  about.display_name = reader.text();
  about.email = reader.text();
  about.permission_id = reader.text();
  about.root = FileId(std::string(reader.text()));
  if (const std::uint64_t limit = reader.varint(); limit != 0) about.storage_limit = limit - 1;
  about.usage = reader.varint();
  about.usage_in_drive = reader.varint();
  about.usage_in_trash = reader.varint();
  about.can_create_drives = reader.u8() != 0;
  return checked(reader, std::move(about), "account");
}

}  // namespace driveway::tree
