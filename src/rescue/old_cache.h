// What a cache of google-drive-ocamlfuse holds that Drive does not have. That program deletes it
// when it starts after it was killed; nothing of the cache is changed here.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::rescue {

// The database in a cache folder; the contents lie beside it, each named by its file's id in Drive.
inline constexpr const char* kOldDatabase = "cache.db";

struct UnsentFile {
  enum class Content {
    kThere,
    kLost,      // the database knows of it, the folder does not
    kUnusable,  // no file that can be read
  };
  // Its path in the old mount, made of names that are safe; what was in the trash lies in ".Trash".
  // "": the database knows of none.
  std::vector<std::string> path{};
  std::string content_name{};  // in the cache folder; "": not known
  Content content = Content::kLost;
  Bytes size = 0;
  std::string problem{};  // kUnusable: what is wrong
};

// Those that wait for their upload (`upload_queue`), or are marked as changed (state ToUpload or
// Uploading), of every version of the database: what a table or column that is missing would say is
// not known. Folders are none of them. Errors: kNotFound (no database there); kCorrupt, also where
// it is another program's; kBusy, as Database; those of the disk.
Result<std::vector<UnsentFile>> read_unsent(const std::filesystem::path& cache_folder);

}  // namespace driveway::rescue
