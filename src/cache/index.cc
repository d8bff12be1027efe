#include "cache/index.h"

#include <algorithm>
#include <limits>
#include <system_error>
#include <utility>

#include "base/hash.h"
#include "base/strings.h"
#include "store/codec.h"

namespace driveway::cache {
namespace {

using store::Cursor;
using store::Reader;
using store::ReadTxn;
using store::Writer;
using store::WriteTxn;

constexpr std::uint32_t kFormatVersion = 2;
// Of LMDB's 511, with room for what `ages` puts before it.
constexpr std::size_t kMaxKey = 480;
constexpr std::string_view kTotalsKey = "totals";

std::string number_key(std::uint64_t number) { return Writer().key64(number).take(); }

std::string group_key(std::uint64_t number, std::uint64_t group) {
  return Writer().key64(number).key64(group).take();
}

std::string age_prefix(Order order) { return Writer().u8(static_cast<std::uint8_t>(order)).take(); }

Order order_of(const ContentRow& row) {
  if (row.pinned) return Order::kPinned;
  return row.number == 0 ? Order::kInlines : Order::kFiles;
}

std::string age_key(const ContentRow& row, std::string_view key) {
  return Writer().u8(static_cast<std::uint8_t>(order_of(row))).key64(row.accessed).raw(key).take();
}

constexpr std::uint8_t kVerifiedFlag = 1;
constexpr std::uint8_t kPinnedFlag = 2;

std::string encode(const ContentRow& row) {
  const int flags = (row.verified ? kVerifiedFlag : 0) | (row.pinned ? kPinnedFlag : 0);
  return Writer()
      .varint(row.number)
      .varint(row.size)
      .varint(row.stored)
      .varint(row.accessed)
      .u8(static_cast<std::uint8_t>(flags))
      .take();
}

Result<ContentRow> decode_content(std::string_view bytes) {
  Reader reader(bytes);
  ContentRow row;
  row.number = reader.varint();
  row.size = reader.varint();
  row.stored = reader.varint();
  row.accessed = reader.varint();
  const std::uint8_t flags = reader.u8();
  row.verified = (flags & kVerifiedFlag) != 0;
  row.pinned = (flags & kPinnedFlag) != 0;
  if (!reader.ok()) return Error{ErrorCode::kCorrupt, "a content's row is damaged"};
  return row;
}

// How many checksums block `block` of a content of `size` bytes has.
std::uint64_t units(Bytes size, std::uint64_t block) {
  const ByteRange range = ByteRange{block * kBlockSize, kBlockSize}.intersect({0, size});
  return (range.length + kCrcUnit - 1) / kCrcUnit;
}

std::string encode(const GroupRow& row, Bytes size) {
  Writer writer;
  writer.u8(static_cast<std::uint8_t>(row.present)).u8(static_cast<std::uint8_t>(row.present >> 8));
  for (std::uint64_t i = 0; i < kBlocksPerGroup; ++i) {
    if ((row.present >> i & 1) == 0) continue;
    const std::uint64_t count = units(size, row.group * kBlocksPerGroup + i);
    for (std::uint64_t unit = 0; unit < count; ++unit) writer.fixed32(row.crcs[i][unit]);
  }
  return writer.take();
}

Result<GroupRow> decode_group(std::string_view bytes, std::uint64_t group, Bytes size) {
  Reader reader(bytes);
  GroupRow row;
  row.group = group;
  row.present = reader.u8();
  row.present |= static_cast<std::uint16_t>(reader.u8() << 8);
  for (std::uint64_t i = 0; i < kBlocksPerGroup; ++i) {
    if ((row.present >> i & 1) == 0) continue;
    const std::uint64_t count = units(size, group * kBlocksPerGroup + i);
    for (std::uint64_t unit = 0; unit < count; ++unit) row.crcs[i][unit] = reader.fixed32();
  }
  if (!reader.ok() || !reader.at_end()) {
    return Error{ErrorCode::kCorrupt, "a content's block row is damaged"};
  }
  return row;
}

// The value of an inline content: its checksums, then its bytes.
std::string encode_inline(const GroupRow& row, const std::string& data) {
  Writer writer;
  for (std::uint64_t unit = 0; unit < units(data.size(), 0); ++unit) {
    writer.fixed32(row.crcs[0][unit]);
  }
  return writer.raw(data).take();
}

Result<GroupRow> decode_inline(std::string_view bytes, Bytes size) {
  Reader reader(bytes);
  GroupRow row;
  row.present = 1;
  for (std::uint64_t unit = 0; unit < units(size, 0); ++unit) row.crcs[0][unit] = reader.fixed32();
  if (!reader.ok() || reader.rest().size() != size) {
    return Error{ErrorCode::kCorrupt, "an inline content's row is damaged"};
  }
  return row;
}

void add_to(Totals& totals, const ContentRow& row) {
  (row.number == 0 ? totals.inline_bytes : totals.file_bytes) += row.stored;
  ++totals.contents;
  if (!row.pinned) return;
  totals.pinned_bytes += row.stored;
  ++totals.pinned_contents;
}

void take_from(Totals& totals, const ContentRow& row) {
  (row.number == 0 ? totals.inline_bytes : totals.file_bytes) -= row.stored;
  --totals.contents;
  if (!row.pinned) return;
  totals.pinned_bytes -= row.stored;
  --totals.pinned_contents;
}

}  // namespace

std::string index_key(const ContentId& id) {
  if (id.value().size() <= kMaxKey) return id.value();
  return cat("id-sha256:", hash_hex(HashKind::kSha256, id.value()));
}

Result<std::unique_ptr<Index>> Index::open(const std::filesystem::path& folder, Bytes map_size) {
  store::EnvOptions options;
  options.map_size = map_size;
  options.no_read_ahead = true;
  options.format_version = kFormatVersion;
  DRIVEWAY_TRY(std::unique_ptr<store::Env> env, store::Env::open(folder, options));
  std::unique_ptr<Index> index(new Index(std::move(env)));
  DRIVEWAY_CHECK(index->open_tables());
  DRIVEWAY_CHECK(index->load_totals());
  return index;
}

Status Index::wipe_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) return errno_error(error.value(), cat("remove ", folder.native()));
  return {};
}

Status Index::open_tables() {
  DRIVEWAY_TRY(tables_.contents, env_->table("contents"));
  DRIVEWAY_TRY(tables_.groups, env_->table("groups"));
  DRIVEWAY_TRY(tables_.inlines, env_->table("inlines"));
  DRIVEWAY_TRY(tables_.numbers, env_->table("numbers"));
  DRIVEWAY_TRY(tables_.ages, env_->table("ages"));
  DRIVEWAY_TRY(tables_.state, env_->table("state"));
  return {};
}

Status Index::load_totals() {
  DRIVEWAY_TRY(const ReadTxn txn, env_->read());
  DRIVEWAY_TRY(const auto row, txn.get(tables_.state, kTotalsKey));
  DRIVEWAY_TRY(const std::uint64_t contents, txn.count(tables_.contents));
  Totals totals;
  if (row) {
    Reader reader(*row);
    totals.file_bytes = reader.varint();
    totals.inline_bytes = reader.varint();
    totals.contents = reader.varint();
    totals.next_number = reader.varint();
    totals.pinned_bytes = reader.varint();
    totals.pinned_contents = reader.varint();
    if (!reader.ok()) return Error{ErrorCode::kCorrupt, "the cache's totals are damaged"};
  }
  if (totals.contents != contents) {
    return Error{ErrorCode::kCorrupt, "the cache's totals do not fit its rows"};
  }
  const std::lock_guard lock(totals_mutex_);
  totals_ = totals;
  return {};
}

Totals Index::totals() const {
  const std::lock_guard lock(totals_mutex_);
  return totals_;
}

Result<std::optional<Index::Loaded>> Index::load(const std::string& key) const {
  DRIVEWAY_TRY(const ReadTxn txn, env_->read());
  DRIVEWAY_TRY(const auto bytes, txn.get(tables_.contents, key));
  if (!bytes) return std::optional<Loaded>();
  Loaded loaded;
  DRIVEWAY_TRY(loaded.row, decode_content(*bytes));
  if (loaded.row.number == 0) {
    if (loaded.row.stored == 0) return std::optional(std::move(loaded));  // pinned, and not here
    DRIVEWAY_TRY(const auto value, txn.get(tables_.inlines, key));
    DRIVEWAY_TRY(GroupRow group,
                 decode_inline(value.value_or(std::string_view()), loaded.row.size));
    loaded.groups.push_back(group);
    return std::optional(std::move(loaded));
  }
  DRIVEWAY_TRY(Cursor cursor, Cursor::open(txn, tables_.groups));
  DRIVEWAY_TRY(bool more, cursor.seek(number_key(loaded.row.number)));
  while (more) {
    Reader reader(cursor.key());
    if (reader.key64() != loaded.row.number) break;
    DRIVEWAY_TRY(GroupRow group, decode_group(cursor.value(), reader.key64(), loaded.row.size));
    loaded.groups.push_back(group);
    DRIVEWAY_TRY(more, cursor.next());
  }
  return std::optional(std::move(loaded));
}

Result<bool> Index::read_inline(const std::string& key,
                                const std::function<void(std::string_view)>& use) const {
  DRIVEWAY_TRY(const ReadTxn txn, env_->read());
  DRIVEWAY_TRY(const auto content, txn.get(tables_.contents, key));
  DRIVEWAY_TRY(const auto value, txn.get(tables_.inlines, key));
  if (!content || !value) return false;
  DRIVEWAY_TRY(const ContentRow row, decode_content(*content));
  const std::size_t header = 4 * units(row.size, 0);
  if (value->size() != header + row.size) return false;
  use(value->substr(header));
  return true;
}

Result<bool> Index::has_number(std::uint64_t number) const {
  DRIVEWAY_TRY(const auto key, key_of(number));
  return key.has_value();
}

Result<std::optional<std::string>> Index::key_of(std::uint64_t number) const {
  DRIVEWAY_TRY(const ReadTxn txn, env_->read());
  DRIVEWAY_TRY(const auto row, txn.get(tables_.numbers, number_key(number)));
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(*row);
}

Status Index::visit_oldest(
    Order order, const std::function<bool(const std::string&, const ContentRow&)>& visit) const {
  DRIVEWAY_TRY(const ReadTxn txn, env_->read());
  DRIVEWAY_TRY(Cursor cursor, Cursor::open(txn, tables_.ages));
  DRIVEWAY_TRY(bool more, cursor.seek(age_prefix(order)));
  while (more) {
    Reader reader(cursor.key());
    if (reader.u8() != static_cast<std::uint8_t>(order)) break;
    reader.key64();
    const std::string key(reader.rest());
    DRIVEWAY_TRY(const auto bytes, txn.get(tables_.contents, key));
    if (bytes) {
      DRIVEWAY_TRY(const ContentRow row, decode_content(*bytes));
      if (!visit(key, row)) break;
    }
    DRIVEWAY_TRY(more, cursor.next());
  }
  return {};
}

std::uint64_t Index::oldest(Order order) const {
  std::uint64_t accessed = std::numeric_limits<std::uint64_t>::max();
  static_cast<void>(visit_oldest(order, [&](const std::string&, const ContentRow& row) {
    accessed = row.accessed;
    return false;
  }));
  return accessed;
}

Status Index::write(const std::vector<ContentUpdate>& updates, std::uint64_t next_number) {
  const std::lock_guard turn(write_mutex_);
  Totals totals = this->totals();
  totals.next_number = std::max(totals.next_number, next_number);
  DRIVEWAY_TRY(WriteTxn txn, env_->write());
  for (const ContentUpdate& update : updates) {
    DRIVEWAY_CHECK(update.remove ? remove_one(txn, update.key, totals)
                                 : write_one(txn, update, totals));
  }
  return finish(txn, totals);
}

Status Index::remove(const std::vector<std::string>& keys) {
  const std::lock_guard turn(write_mutex_);
  Totals totals = this->totals();
  DRIVEWAY_TRY(WriteTxn txn, env_->write());
  for (const std::string& key : keys) DRIVEWAY_CHECK(remove_one(txn, key, totals));
  return finish(txn, totals);
}

Status Index::finish(WriteTxn& txn, const Totals& totals) {
  DRIVEWAY_CHECK(txn.put(tables_.state, kTotalsKey,
                         Writer()
                             .varint(totals.file_bytes)
                             .varint(totals.inline_bytes)
                             .varint(totals.contents)
                             .varint(totals.next_number)
                             .varint(totals.pinned_bytes)
                             .varint(totals.pinned_contents)
                             .bytes()));
  DRIVEWAY_CHECK(txn.commit());
  const std::lock_guard lock(totals_mutex_);
  totals_ = totals;
  return {};
}

Status Index::write_one(WriteTxn& txn, const ContentUpdate& update, Totals& totals) {
  const ContentRow& row = update.row;
  DRIVEWAY_TRY(const auto old_bytes, txn.get(tables_.contents, update.key));
  if (old_bytes) {
    DRIVEWAY_TRY(const ContentRow old, decode_content(*old_bytes));
    if (old.number != row.number || old.size != row.size) {
      DRIVEWAY_CHECK(remove_one(txn, update.key, totals));
    } else {
      take_from(totals, old);
      const std::string old_age = age_key(old, update.key);
      if (old_age != age_key(row, update.key)) DRIVEWAY_CHECK(txn.erase(tables_.ages, old_age));
    }
  }
  add_to(totals, row);
  DRIVEWAY_CHECK(txn.put(tables_.contents, update.key, encode(row)));
  DRIVEWAY_CHECK(txn.put(tables_.ages, age_key(row, update.key), ""));
  if (row.number == 0) {
    if (row.stored == 0) {
      DRIVEWAY_CHECK(txn.erase(tables_.inlines, update.key));
      return {};
    }
    if (update.data == nullptr || update.groups.empty()) return {};
    return txn.put(tables_.inlines, update.key, encode_inline(update.groups.front(), *update.data));
  }
  DRIVEWAY_CHECK(txn.put(tables_.numbers, number_key(row.number), update.key));
  for (const GroupRow& group : update.groups) {
    const std::string key = group_key(row.number, group.group);
    if (group.present == 0) {
      DRIVEWAY_CHECK(txn.erase(tables_.groups, key));
    } else {
      DRIVEWAY_CHECK(txn.put(tables_.groups, key, encode(group, row.size)));
    }
  }
  return {};
}

Status Index::remove_one(WriteTxn& txn, const std::string& key, Totals& totals) {
  DRIVEWAY_TRY(const auto bytes, txn.get(tables_.contents, key));
  if (!bytes) return {};
  DRIVEWAY_TRY(const ContentRow row, decode_content(*bytes));
  take_from(totals, row);
  DRIVEWAY_CHECK(txn.erase(tables_.contents, key));
  DRIVEWAY_CHECK(txn.erase(tables_.ages, age_key(row, key)));
  if (row.number == 0) {
    DRIVEWAY_CHECK(txn.erase(tables_.inlines, key));
    return {};
  }
  DRIVEWAY_CHECK(txn.erase(tables_.numbers, number_key(row.number)));
  return erase_groups(txn, row.number);
}

Status Index::erase_groups(WriteTxn& txn, std::uint64_t number) {
  std::vector<std::string> keys;
  {
    DRIVEWAY_TRY(Cursor cursor, Cursor::open(txn, tables_.groups));
    DRIVEWAY_TRY(bool more, cursor.seek(number_key(number)));
    while (more && Reader(cursor.key()).key64() == number) {
      keys.emplace_back(cursor.key());
      DRIVEWAY_TRY(more, cursor.next());
    }
  }
  for (const std::string& key : keys) DRIVEWAY_CHECK(txn.erase(tables_.groups, key));
  return {};
}

}  // namespace driveway::cache
