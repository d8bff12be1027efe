// A cache folder of google-drive-ocamlfuse, made by the test.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "base/strings.h"
#include "unit/base/temporary_folder.h"

namespace driveway::rescue {

// As its dbCache.ml makes them (0.7.32).
inline constexpr const char* kTables = R"(
CREATE TABLE resource (
  id INTEGER PRIMARY KEY, remote_id TEXT NULL, name TEXT NULL, mime_type TEXT NULL,
  created_time REAL NULL, modified_time REAL NULL, viewed_by_me_time REAL NULL,
  file_extension TEXT NULL, full_file_extension TEXT NULL, md5_checksum TEXT NULL,
  size INTEGER NULL, can_edit INTEGER NULL, trashed INTEGER NULL, web_view_link TEXT NULL,
  export_links TEXT NULL, version INTEGER NULL, target_id TEXT NULL, file_mode_bits INTEGER NULL,
  uid INTEGER NULL, gid INTEGER NULL, link_target TEXT NULL, xattrs TEXT NOT NULL,
  parent_path TEXT NOT NULL, path TEXT NOT NULL, state TEXT NOT NULL, last_update REAL NOT NULL);
CREATE INDEX path_index ON resource (path, trashed);
CREATE INDEX remote_id_index ON resource (remote_id);
CREATE TABLE upload_queue (
  id INTEGER PRIMARY KEY, resource_id INTEGER NOT NULL, state TEXT NOT NULL,
  last_update REAL NOT NULL);
CREATE INDEX state_index ON upload_queue (state);
)";

class OldDatabase {
 public:
  explicit OldDatabase(const std::filesystem::path& file) {
    sqlite3* opened = nullptr;
    EXPECT_EQ(sqlite3_open(file.c_str(), &opened), SQLITE_OK);
    connection_.reset(opened);
  }

  void run(const std::string& sql) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << message;
    sqlite3_free(message);
  }

  // A row of `resource` as 0.7.32 writes it. `path` and `remote_id`: expressions of SQL.
  void add(int id, const std::string& remote_id, const std::string& path, const std::string& state,
           bool trashed = false) {
    run(
        cat("INSERT INTO resource (id, remote_id, name, mime_type, size, trashed, xattrs, "
            "parent_path, path, state, last_update) VALUES (",
            id, ", ", remote_id, ", 'name', 'text/plain', 1, ", trashed ? 1 : 0, ", '', '/', ",
            path, ", '", state, "', 1.0)"));
  }
  void queue(int resource_id, const std::string& state) {
    run(cat("INSERT INTO upload_queue (resource_id, state, last_update) VALUES (", resource_id,
            ", '", state, "', 1.0)"));
  }

 private:
  std::unique_ptr<sqlite3, decltype(&sqlite3_close)> connection_{nullptr, &sqlite3_close};
};

inline std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class OldCacheTest : public testing::Test {
 protected:
  OldCacheTest() { std::filesystem::create_directory(cache()); }
  std::filesystem::path cache() const { return folder_ / "cache"; }
  std::filesystem::path file() const { return cache() / "cache.db"; }
  void content(const std::string& name, const std::string& bytes) const {
    std::ofstream(cache() / name, std::ios::binary) << bytes;
  }

  TemporaryFolder folder_;
};

}  // namespace driveway::rescue
