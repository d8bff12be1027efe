#include "store/env_open.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/strings.h"
#include "store/codec.h"

namespace driveway::store {
namespace {

// A held read transaction has a slot; thousands of readers at once are more than the daemon has.
constexpr unsigned kMaxReaders = 2048;
// Where address space is limited (ulimit -v) the map is halved down to this.
constexpr Bytes kSmallestMap = 16 * kMiB;
constexpr const char* kUnfinishedFile = "data.mdb.new";

// Whether `folder`'s disk has next to no room left.
bool disk_is_full(const std::filesystem::path& folder) {
  struct statvfs info {};
  return ::statvfs(folder.c_str(), &info) == 0 && info.f_bavail * info.f_frsize < kMiB;
}

Result<EnvHandle> open_with_map(const std::filesystem::path& folder, const EnvOptions& options,
                                Bytes map_size, int* code) {
  MDB_env* raw = nullptr;
  *code = mdb_env_create(&raw);
  if (*code != 0) return lmdb_error(*code, cat("open ", folder.native()));
  EnvHandle env(raw);
  unsigned flags = MDB_NOTLS;
  if (!options.sync) flags |= MDB_NOSYNC;
  if (options.no_read_ahead) flags |= MDB_NORDAHEAD;
  *code = mdb_env_set_maxdbs(raw, options.max_tables + 1);
  if (*code == 0) *code = mdb_env_set_maxreaders(raw, kMaxReaders);
  if (*code == 0) *code = mdb_env_set_mapsize(raw, map_size);
  if (*code == 0) *code = mdb_env_open(raw, folder.c_str(), flags, 0600);
  if (*code != 0) return lmdb_error(*code, cat("open ", folder.native()));
  return env;
}

int write_format(MDB_env* env, const std::filesystem::path& folder, std::uint32_t version) {
  MDB_txn* txn = nullptr;
  if (const int code = mdb_txn_begin(env, nullptr, 0, &txn); code != 0) return code;
  const std::string bytes = Writer().fixed32(version).bytes();
  MDB_val key{kVersionKey.size(), const_cast<char*>(kVersionKey.data())};
  MDB_val value{bytes.size(), const_cast<char*>(bytes.data())};
  MDB_dbi table = 0;
  int code = mdb_dbi_open(txn, kFormatTable, MDB_CREATE, &table);
  if (code == 0) code = mdb_put(txn, table, &key, &value, 0);
  if (code == 0) return commit_to(folder, txn);
  mdb_txn_abort(txn);
  return code;
}

Status make_env(const std::filesystem::path& folder, const EnvOptions& options) {
  const std::filesystem::path unfinished = folder / kUnfinishedFile;
  ::unlink(unfinished.c_str());  // of a start that ended here
  const auto failed = [&](int code) { return lmdb_error(code, cat("make ", folder.native())); };
  {
    MDB_env* raw = nullptr;
    int code = mdb_env_create(&raw);
    if (code != 0) return failed(code);
    const EnvHandle env(raw);
    unsigned flags = MDB_NOSUBDIR | MDB_NOLOCK;  // the folder is claimed
    if (!options.sync) flags |= MDB_NOSYNC;
    code = mdb_env_set_maxdbs(raw, 1);
    if (code == 0) code = mdb_env_set_mapsize(raw, kSmallestMap);
    if (code == 0) code = mdb_env_open(raw, unfinished.c_str(), flags, 0600);
    if (code == 0) code = write_format(raw, folder, options.format_version);
    if (code != 0) return failed(code);
  }
  DRIVEWAY_FAULT_POINT("store.before_new_name");
  const std::filesystem::path path = folder / kDataFile;
  if (::rename(unfinished.c_str(), path.c_str()) != 0) {
    return errno_error(errno, cat("make ", path.native()));
  }
  return options.sync ? sync_directory(folder) : Status();
}

// An empty file is what a crash may leave of one that was never made whole.
bool is_missing(const std::filesystem::path& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) != 0 ? errno == ENOENT : info.st_size == 0;
}

}  // namespace

Error lmdb_error(int code, std::string message) {
  if (code > 0) return errno_error(code, std::move(message));
  message += ": ";
  message += mdb_strerror(code);
  switch (code) {
    case MDB_MAP_FULL:
      return Error{ErrorCode::kNoSpace, std::move(message)};
    case MDB_READERS_FULL:
      return Error{ErrorCode::kBusy, std::move(message), true};
    case MDB_BAD_VALSIZE:
      return Error{ErrorCode::kInvalidArgument, std::move(message)};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
      return Error{ErrorCode::kCorrupt, std::move(message)};
    case MDB_PANIC:
      return Error{ErrorCode::kLocalDisk, std::move(message)};
    default:
      return Error{ErrorCode::kInternal, std::move(message)};
  }
}

int commit_to(const std::filesystem::path& folder, MDB_txn* txn) {
  const int code = mdb_txn_commit(txn);
  return code == EIO && disk_is_full(folder) ? ENOSPC : code;
}

Result<EnvHandle> open_env(const std::filesystem::path& folder, const EnvOptions& options) {
  if (is_missing(folder / kDataFile)) DRIVEWAY_CHECK(make_env(folder, options));
  for (Bytes map_size = options.map_size;; map_size /= 2) {
    int code = 0;
    Result<EnvHandle> env = open_with_map(folder, options, map_size, &code);
    if (env.ok() || code != ENOMEM || map_size / 2 < kSmallestMap) {
      if (env.ok() && map_size != options.map_size) {
        log::warn("address space is limited: ", folder.native(), " is mapped with ",
                  format_size(map_size), " instead of ", format_size(options.map_size));
      }
      return env;
    }
  }
}

}  // namespace driveway::store
