// Where the cache of a label of google-drive-ocamlfuse is. Private to cli/.
#pragma once

#include <filesystem>

#include "auth/environment.h"
#include "auth/gdfuse_login.h"
#include "base/result.h"

namespace driveway::cli {

// The folder with the database, by the config or, where there is none, by the program's defaults.
// With a config of one's own whose text names no folder, "cache" beside it counts first: so the
// files lie below `-o gdfroot=`. Errors: kInvalidArgument (no label); kNotFound, which says where
// it looked and which labels there are; as GdfuseConfig::read.
Result<std::filesystem::path> find_gdfuse_cache(const auth::GdfusePlace& place,
                                                const auth::Environment& environment);

}  // namespace driveway::cli
