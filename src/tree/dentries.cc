#include "tree/dentries.h"

#include <tuple>
#include <utility>

#include "base/strings.h"
#include "tree/names.h"

namespace driveway::tree {
namespace {

bool older(const ItemRow& a, const ItemRow& b) {
  return std::tie(a.item.created, a.item.id) < std::tie(b.item.created, b.item.id);
}

Error inconsistent(InodeId directory, std::string_view name) {
  return {ErrorCode::kCorrupt,
          cat("meta: inode ", directory, " and its entry '", name, "' do not fit together")};
}

}  // namespace

Result<Dentries::Member> Dentries::member(InodeId inode, InodeId directory) {
  DRIVEWAY_TRY(auto row, meta_.item(inode));
  if (!row || row->directory != directory) return inconsistent(directory, "");
  DRIVEWAY_TRY(auto dentry, meta_.dentry(directory, row->name));
  if (!dentry || dentry->inode != inode) return inconsistent(directory, row->name);
  return Member{*std::move(row), *std::move(dentry)};
}

Result<std::string> Dentries::free_suffix(InodeId directory, const std::string& base,
                                          const FileId& id) {
  for (int attempt = 0;; ++attempt) {
    for (const int digits : {8, 16, 32}) {
      std::string name = suffixed_name(base, id, digits, attempt);
      DRIVEWAY_TRY(const auto taken, meta_.dentry(directory, name));
      if (!taken) return name;
    }
  }
}

Status Dentries::put(ItemRow& row, const std::string& name, const Dentry& dentry) {
  row.name = name;
  DRIVEWAY_CHECK(meta_.put(row.directory, name, dentry));
  DRIVEWAY_CHECK(meta_.put(row));
  events_.entry(row.directory, name, std::nullopt);
  return {};
}

Status Dentries::put_suffixed(ItemRow& row, const std::string& base, Dentry dentry) {
  DRIVEWAY_TRY(const std::string name, free_suffix(row.directory, base, row.item.id));
  dentry.base = base;
  dentry.has_twins = false;
  DRIVEWAY_CHECK(meta_.put_twin(row.directory, base, row.inode));
  return put(row, name, dentry);
}

// Leaves `member` in its directory, but without its name.
Status Dentries::take_name(const Member& member) {
  const InodeId directory = member.row.directory;
  DRIVEWAY_CHECK(meta_.erase_dentry(directory, member.row.name));
  events_.entry(directory, member.row.name, member.row.inode);
  if (member.dentry.base.empty()) return {};
  return meta_.erase_twin(directory, member.dentry.base, member.row.inode);
}

Status Dentries::add(ItemRow& row, InodeId directory, const std::string& base, EntryKind kind,
                     std::uint64_t run) {
  row.directory = directory;
  Dentry dentry;
  dentry.inode = row.inode;
  dentry.kind = kind;
  dentry.run = run;
  DRIVEWAY_TRY(auto holder, meta_.dentry(directory, base));
  if (!holder) return put(row, base, dentry);
  if (holder->fixed) return put_suffixed(row, base, dentry);
  if (!holder->base.empty()) {  // a twin of others that got this name as a suffixed one
    DRIVEWAY_TRY(Member intruder, member(holder->inode, directory));
    DRIVEWAY_CHECK(take_name(intruder));
    DRIVEWAY_CHECK(put(row, base, dentry));
    return put_suffixed(intruder.row, intruder.dentry.base, intruder.dentry);
  }
  return add_twin(row, base, dentry, *std::move(holder));
}

Status Dentries::add_twin(ItemRow& row, const std::string& base, const Dentry& dentry,
                          Dentry holder) {
  DRIVEWAY_TRY(Member eldest, member(holder.inode, row.directory));
  if (!older(row, eldest.row)) {
    if (!holder.has_twins) {
      holder.has_twins = true;
      DRIVEWAY_CHECK(meta_.put(row.directory, base, holder));
    }
    return put_suffixed(row, base, dentry);
  }
  DRIVEWAY_CHECK(take_name(eldest));
  Dentry plain = dentry;
  plain.has_twins = true;
  DRIVEWAY_CHECK(put(row, base, plain));
  return put_suffixed(eldest.row, base, eldest.dentry);
}

// The plain name has become free: the oldest twin takes it.
Status Dentries::promote(InodeId directory, const std::string& base) {
  DRIVEWAY_TRY(const auto twins, meta_.twins(directory, base));
  std::optional<Member> heir;
  for (const InodeId inode : twins) {
    DRIVEWAY_TRY(Member twin, member(inode, directory));
    if (!heir || older(twin.row, heir->row)) heir = std::move(twin);
  }
  if (!heir) return {};
  DRIVEWAY_CHECK(take_name(*heir));
  heir->dentry.base.clear();
  heir->dentry.has_twins = twins.size() > 1;
  return put(heir->row, base, heir->dentry);
}

Status Dentries::remove(ItemRow& row) {
  DRIVEWAY_TRY(const Member leaving, member(row.inode, row.directory));
  DRIVEWAY_CHECK(take_name(leaving));
  row.directory = InodeId();
  row.name.clear();
  DRIVEWAY_CHECK(meta_.put(row));
  if (!leaving.dentry.has_twins) return {};
  return promote(leaving.row.directory, leaving.row.name);
}

Status Dentries::replace(const ItemRow& row, InodeId before, EntryKind kind) {
  DRIVEWAY_TRY(auto dentry, meta_.dentry(row.directory, row.name));
  if (!dentry || dentry->inode != before) return inconsistent(row.directory, row.name);
  if (!dentry->base.empty()) {
    DRIVEWAY_CHECK(meta_.erase_twin(row.directory, dentry->base, before));
    DRIVEWAY_CHECK(meta_.put_twin(row.directory, dentry->base, row.inode));
  }
  dentry->inode = row.inode;
  dentry->kind = kind;
  DRIVEWAY_CHECK(meta_.put(row.directory, row.name, *dentry));
  events_.entry(row.directory, row.name, before);
  return {};
}

}  // namespace driveway::tree
