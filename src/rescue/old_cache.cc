#include "rescue/old_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <initializer_list>
#include <set>

#include "base/strings.h"
#include "rescue/database.h"
#include "rescue/safe_path.h"

namespace driveway::rescue {
namespace {

namespace fs = std::filesystem;

// Its source, src/dbCache.ml and (before 0.6) src/cache.ml: `resource` is a file that the mount
// knows, `upload_queue` (since 0.7) one that waits, by `resource_id`. Before its move to version 3
// of the API a name was a `title`.
constexpr const char* kFolderType = "application/vnd.google-apps.folder";
constexpr const char* kTrashFolder = ".Trash";

using Columns = std::set<std::string>;

// The first of `names` that the table has, as an expression of SQL.
std::string column(const Columns& columns, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (columns.count(name) != 0) return name;
  }
  return "NULL";
}

struct Tables {
  Columns resource;
  Columns queue;

  bool has_queue() const { return queue.count("resource_id") != 0; }
  std::string id() const { return resource.count("id") != 0 ? "id" : "rowid"; }
};

Result<Tables> tables_of(Database& database, const fs::path& file) {
  Tables tables;
  DRIVEWAY_TRY(tables.resource, database.columns("resource"));
  DRIVEWAY_TRY(tables.queue, database.columns("upload_queue"));
  const bool knows_contents = tables.resource.count("remote_id") != 0;
  if (knows_contents && (tables.resource.count("state") != 0 || tables.has_queue())) return tables;
  return Error{
      ErrorCode::kCorrupt,
      cat("'", file.native(), "': it has no table `resource` of any google-drive-ocamlfuse")};
}

// What is read of a row, in this order.
enum Field { kPath, kParent, kName, kRemoteId, kTrashed };

// Whole tables are read, without their indexes: one that is damaged does no harm.
std::string unsent_query(const Tables& tables) {
  const Columns& columns = tables.resource;
  std::string wanted;
  if (columns.count("state") != 0) wanted = "state IN ('ToUpload', 'Uploading')";
  if (tables.has_queue()) {
    wanted += cat(wanted.empty() ? "" : " OR ", tables.id(),
                  " IN (SELECT resource_id FROM upload_queue NOT INDEXED)");
  }
  return cat("SELECT ", column(columns, {"path"}), ", ", column(columns, {"parent_path"}), ", ",
             column(columns, {"name", "title"}), ", remote_id, ", column(columns, {"trashed"}),
             " FROM resource NOT INDEXED WHERE (", wanted, ") AND ifnull(",
             column(columns, {"mime_type"}), ", '') <> '", kFolderType, "' ORDER BY ", tables.id());
}

// Those in the queue of which nothing else is known.
std::string orphans_query(const Tables& tables) {
  return cat("SELECT resource_id FROM upload_queue NOT INDEXED WHERE resource_id NOT IN (SELECT ",
             tables.id(), " FROM resource NOT INDEXED)");
}

std::vector<std::string> path_of(const Database::Row& row) {
  const auto text = [&](Field field) { return row[field].value_or(""); };
  std::vector<std::string> path = safe_names(text(kPath));
  if (path.empty()) path = safe_names(cat(text(kParent), "/", text(kName)));
  if (path.empty()) path = safe_names(text(kRemoteId));
  if (const std::string trashed = text(kTrashed); !trashed.empty() && trashed != "0")
    path.insert(path.begin(), kTrashFolder);
  return path;
}

bool is_name(const std::string& text) {
  return !text.empty() && text != "." && text != ".." &&
         text.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
}

// Looks at the content itself, and follows no link.
void examine(const fs::path& cache_folder, UnsentFile& file) {
  if (!is_name(file.content_name)) {
    file.content =
        file.content_name.empty() ? UnsentFile::Content::kLost : UnsentFile::Content::kUnusable;
    file.problem = "its id in the database is no name of a file";
    return;
  }
  struct stat info {};
  const fs::path path = cache_folder / file.content_name;
  if (::fstatat(AT_FDCWD, path.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return;
    file.content = UnsentFile::Content::kUnusable;
    file.problem = errno_error(errno, cat("cannot look at '", path.native(), "'")).to_string();
  } else if (!S_ISREG(info.st_mode)) {
    file.content = UnsentFile::Content::kUnusable;
    file.problem = cat("'", path.native(), "' is no plain file");
  } else {
    file.content = UnsentFile::Content::kThere;
    file.size = static_cast<Bytes>(info.st_size);
  }
}

}  // namespace

Result<std::vector<UnsentFile>> read_unsent(const fs::path& cache_folder) {
  const fs::path path = cache_folder / kOldDatabase;
  DRIVEWAY_TRY(Database database, Database::open_copy_of(path));
  DRIVEWAY_TRY(const Tables tables, tables_of(database, path));
  DRIVEWAY_TRY(const auto rows, database.rows(unsent_query(tables)));
  std::vector<UnsentFile> files;
  for (const Database::Row& row : rows) {
    UnsentFile file;
    file.path = path_of(row);
    file.content_name = row[kRemoteId].value_or("");
    examine(cache_folder, file);
    files.push_back(std::move(file));
  }
  if (!tables.has_queue()) return files;
  DRIVEWAY_TRY(const auto orphans, database.rows(orphans_query(tables)));
  files.resize(files.size() + orphans.size());
  return files;
}

}  // namespace driveway::rescue
