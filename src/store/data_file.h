// A look at LMDB's data file before LMDB maps it.
//
// LMDB trusts its file: a short one means SIGBUS at some later read, a foreign one a crash or a
// failed assertion. So the meta pages are checked first, and where the file is shorter than they
// say, every page that they reach. (Layout of LMDB 0.9, data version 1, 64-bit little-endian.)
#pragma once

#include <filesystem>

#include "base/result.h"

namespace driveway::store {

// Ok when LMDB may open `path`: it is absent, empty, or a database whose reachable pages are all
// there. (A file shorter than its last page is no damage in itself: LMDB leaves it so when the last
// pages that a transaction took were given back before its commit.) Errors: kCorrupt, and those of
// errno_error.
Status check_data_file(const std::filesystem::path& path);

// The same with every reachable page looked at, whatever the file's length.
Status check_data_file_fully(const std::filesystem::path& path);

}  // namespace driveway::store
