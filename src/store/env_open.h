// LMDB's environments, before they are an Env: how one is made, and opened. Private to store/.
//
// One is made whole under another name, and then renamed: LMDB's first page tells the reader that
// all others make sense, and is not there before them in whatever a crash leaves.
#pragma once

#include <lmdb.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/env.h"

namespace driveway::store {

inline constexpr const char* kDataFile = "data.mdb";
inline constexpr const char* kFormatTable = "format";
inline constexpr std::string_view kVersionKey = "version";

struct CloseEnv {
  void operator()(MDB_env* env) const { mdb_env_close(env); }
};
using EnvHandle = std::unique_ptr<MDB_env, CloseEnv>;

Error lmdb_error(int code, std::string message);
// mdb_txn_commit, which frees `txn` whatever comes of it; ENOSPC also where LMDB says EIO, as of
// each write that a full disk cuts short.
int commit_to(const std::filesystem::path& folder, MDB_txn* txn);

// `folder`'s environment, made with its format version where there is none. REQUIRES that the
// folder is claimed. Errors: as Env::open, which compares the version.
Result<EnvHandle> open_env(const std::filesystem::path& folder, const EnvOptions& options);

}  // namespace driveway::store
