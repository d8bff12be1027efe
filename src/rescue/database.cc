#include "rescue/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"
#include "base/strings.h"

namespace driveway::rescue {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyStep = 1 * kMiB;
// Where SQLite's readers lock a database, so that nobody commits to it: SHARED_FIRST and
// SHARED_SIZE of its os.h, behind PENDING_BYTE.
constexpr off_t kSharedLock = 0x40000002;
constexpr off_t kSharedLockSize = 510;
// A commit of the old program takes milliseconds.
constexpr int kLockTries = 100;
constexpr auto kLockPause = std::chrono::milliseconds(20);

Result<UniqueFd> open_to_read(const fs::path& file) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return errno_error(errno, cat("cannot open '", file.native(), "'"));
  return fd;
}

// As a reader of SQLite's does it. Ends with the descriptor. By an open file description lock: one
// of the process would end with any other descriptor of the file.
Status lock_shared(const UniqueFd& fd, const fs::path& file) {
  struct flock wanted {};
  wanted.l_type = F_RDLCK;
  wanted.l_whence = SEEK_SET;
  wanted.l_start = kSharedLock;
  wanted.l_len = kSharedLockSize;
  for (int i = 0; i < kLockTries; ++i) {
    if (::fcntl(fd.get(), F_OFD_SETLK, &wanted) == 0) return {};
    // A file system without locks has no writers that lock.
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return {};
    std::this_thread::sleep_for(kLockPause);
  }
  return Error{ErrorCode::kBusy,
               cat("a program is writing to '", file.native(),
                   "': end google-drive-ocamlfuse first (fusermount -u MOUNTPOINT)"),
               true};
}

Status copy_file_to(const UniqueFd& from, const fs::path& file, const fs::path& to) {
  const UniqueFd target(
      ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!target.valid()) return errno_error(errno, cat("cannot make '", to.native(), "'"));
  std::vector<std::byte> buffer(kCopyStep);
  for (off_t offset = 0;;) {
    const auto count = pread_all(from.get(), buffer, offset);
    if (!count.ok()) return wrap(count.error(), cat("'", file.native(), "'"));
    if (*count == 0) return {};
    const Status written = pwrite_all(target.get(), std::span(buffer).first(*count), offset);
    if (!written.ok()) return wrap(written.error(), cat("'", to.native(), "'"));
    offset += static_cast<off_t>(*count);
  }
}

// A folder of mode 0700 with "cache.db" and its journals in it.
class PrivateCopy {
 public:
  PrivateCopy() = default;
  ~PrivateCopy() {
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  PrivateCopy(const PrivateCopy&) = delete;
  PrivateCopy& operator=(const PrivateCopy&) = delete;

  Status make(const fs::path& file) {
    DRIVEWAY_TRY(const UniqueFd fd, open_to_read(file));
    std::error_code failed;
    std::string name = (fs::temp_directory_path(failed) / "driveway-gdfuse-XXXXXX").native();
    if (failed || ::mkdtemp(name.data()) == nullptr) {
      return errno_error(failed ? failed.value() : errno,
                         "cannot make a temporary folder (TMPDIR may name another place)");
    }
    folder_ = name;
    DRIVEWAY_CHECK(lock_shared(fd, file));
    DRIVEWAY_CHECK(copy_file_to(fd, file, this->file()));
    for (const char* suffix : {"-journal", "-wal"}) {
      const fs::path beside = file.native() + suffix;
      auto journal = open_to_read(beside);
      if (journal.failed_with(ErrorCode::kNotFound)) continue;
      if (!journal.ok()) return std::move(journal).error();
      DRIVEWAY_CHECK(copy_file_to(*journal, beside, this->file().native() + suffix));
    }
    return {};
  }

  fs::path file() const { return folder_ / "cache.db"; }

 private:
  fs::path folder_;
};

ErrorCode code_of(int sqlite_code) {
  switch (sqlite_code & 0xff) {
    case SQLITE_FULL:
      return ErrorCode::kNoSpace;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
      return ErrorCode::kLocalDisk;
    default:  // all else says something of what the file holds
      return ErrorCode::kCorrupt;
  }
}

using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

Database::Row row_of(sqlite3_stmt* statement) {
  Database::Row row;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    if (sqlite3_column_type(statement, i) == SQLITE_NULL) {
      row.emplace_back();
      continue;
    }
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, i));
    row.emplace_back(text == nullptr ? std::string() : std::string(text, size));
  }
  return row;
}

}  // namespace

struct Database::State {
  PrivateCopy copy;  // outlives the connection
  fs::path original;
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection{nullptr, &sqlite3_close};

  Error error(int sqlite_code) const {
    return Error{code_of(sqlite_code),
                 cat("'", original.native(), "': ", sqlite3_errmsg(connection.get()))};
  }

  Status open() {
    sqlite3* opened = nullptr;
    const int code = sqlite3_open_v2(copy.file().c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
    connection.reset(opened);
    if (code != SQLITE_OK) return error(code);
    // Its schema is data: no function of SQLite's with a side effect runs from it.
    sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    return {};
  }
};

Database::Database(std::unique_ptr<State> state) : state_(std::move(state)) {}
Database::~Database() = default;
Database::Database(Database&&) noexcept = default;

Result<Database> Database::open_copy_of(const fs::path& file) {
  auto state = std::make_unique<State>();
  state->original = file;
  DRIVEWAY_CHECK(state->copy.make(file));
  DRIVEWAY_CHECK(state->open());
  return Database(std::move(state));
}

Result<std::set<std::string>> Database::columns(const std::string& table) {
  DRIVEWAY_TRY(const auto found, rows(cat("SELECT name FROM pragma_table_info('", table, "')")));
  std::set<std::string> names;
  for (const Row& row : found) names.insert(row.front().value_or(""));
  return names;
}

Result<std::vector<Database::Row>> Database::rows(const std::string& query) {
  sqlite3_stmt* prepared = nullptr;
  int code = sqlite3_prepare_v2(state_->connection.get(), query.c_str(),
                                static_cast<int>(query.size()), &prepared, nullptr);
  const Statement statement(prepared, &sqlite3_finalize);
  if (code != SQLITE_OK) return state_->error(code);
  std::vector<Row> found;
  while ((code = sqlite3_step(prepared)) == SQLITE_ROW) found.push_back(row_of(prepared));
  if (code != SQLITE_DONE) return state_->error(code);
  return found;
}

}  // namespace driveway::rescue
