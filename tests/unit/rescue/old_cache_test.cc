#include "rescue/old_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "rescue/safe_path.h"
#include "unit/rescue/old_database.h"

namespace driveway::rescue {
namespace {

namespace fs = std::filesystem;

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class UnsentTest : public OldCacheTest {
 protected:
  // Each as "PATH ID STATE SIZE".
  std::vector<std::string> unsent() const {
    const auto files = read_unsent(cache());
    EXPECT_TRUE(files.ok()) << files.error().to_string();
    std::vector<std::string> texts;
    if (!files.ok()) return texts;
    for (const UnsentFile& file : *files) {
      constexpr const char* kNames[] = {"there", "lost", "unusable"};
      texts.push_back(cat(joined(file.path), " ", file.content_name, " ",
                          kNames[static_cast<int>(file.content)], " ", file.size));
    }
    return texts;
  }
  Error refusal() const {
    const auto files = read_unsent(cache());
    EXPECT_FALSE(files.ok());
    return files.ok() ? Error{} : files.error();
  }
  // What the folder holds, to the byte.
  std::map<std::string, std::string> everything() const {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::directory_iterator(cache())) {
      all[entry.path().filename()] =
          cat(read_all(entry.path()), entry.last_write_time().time_since_epoch().count());
    }
    return all;
  }
};

TEST_F(UnsentTest, WhatIsInTheQueueOrMarkedAsChanged) {
  {
    OldDatabase database(file());
    database.run(kTables);
    database.add(1, "'idA'", "'/x/a.txt'", "ToUpload");
    database.add(2, "'idB'", "'/x/b.txt'", "Uploading");
    database.add(3, "'idC'", "'/c'", "Synchronized");
    database.add(4, "'idD'", "'/d'", "Synchronized");
    database.add(5, "'idE'", "'/e'", "ToDownload");
    database.add(6, "'idF'", "'/folder'", "ToUpload");
    database.add(7, "'idG'", "'/g'", "Uploading", true);
    database.run("UPDATE resource SET mime_type = 'application/vnd.google-apps.folder' WHERE id=6");
    database.queue(4, "ToUpload");
    database.queue(1, "Uploading");
    database.queue(99, "ToUpload");
  }
  content("idA", "12345");
  content("idC", "123");
  content("idD", "");
  content("idG", "1");
  const auto before = everything();
  EXPECT_THAT(unsent(), ElementsAre("x/a.txt idA there 5", "x/b.txt idB lost 0", "d idD there 0",
                                    ".Trash/g idG there 1", "  lost 0"));
  EXPECT_EQ(everything(), before);
}

TEST_F(UnsentTest, NothingIsUnsent) {
  {
    OldDatabase database(file());
    database.run(kTables);
  }
  EXPECT_THAT(unsent(), IsEmpty());
  OldDatabase(file()).add(1, "'idA'", "'/a'", "Synchronized");
  EXPECT_THAT(unsent(), IsEmpty());
}

TEST_F(UnsentTest, ColumnsAndTablesOfOtherVersions) {
  content("idA", "1");
  const auto database_of = [&](const std::string& sql) {
    fs::remove(file());
    OldDatabase(file()).run(sql);
  };
  // Of 0.5: no queue, a title, another set of states.
  database_of(
      "CREATE TABLE resource (id INTEGER PRIMARY KEY, etag TEXT, remote_id TEXT, title TEXT, "
      "mime_type TEXT, file_size INTEGER, trashed INTEGER, parent_path TEXT, path TEXT, "
      "state TEXT, change_id INTEGER);"
      "INSERT INTO resource VALUES (1, 'e', 'idA', 'a', NULL, 1, 0, '/x', '/x/a', 'ToUpload', 1),"
      " (2, 'e', 'idB', 'b', NULL, 1, 0, '/x', '/x/b', 'InSync', 1)");
  EXPECT_THAT(unsent(), ElementsAre("x/a idA there 1"));
  // Without a path: the parent's and the name; without a parent: the name; without that: the id.
  database_of(
      "CREATE TABLE resource (id INTEGER PRIMARY KEY, remote_id, name, parent_path, state, more);"
      "INSERT INTO resource VALUES (1, 'idA', 'a', '/x/y', 'ToUpload', 0)");
  EXPECT_THAT(unsent(), ElementsAre("x/y/a idA there 1"));
  database_of(
      "CREATE TABLE resource (remote_id TEXT, title TEXT, state TEXT);"
      "INSERT INTO resource VALUES ('idA', 'a', 'Uploading')");
  EXPECT_THAT(unsent(), ElementsAre("a idA there 1"));
  database_of(
      "CREATE TABLE resource (remote_id TEXT, state TEXT);"
      "INSERT INTO resource VALUES ('idA', 'Uploading')");
  EXPECT_THAT(unsent(), ElementsAre("idA idA there 1"));
  // Without states: what is in the queue.
  database_of(
      "CREATE TABLE resource (id INTEGER PRIMARY KEY, remote_id TEXT, path TEXT);"
      "CREATE TABLE upload_queue (resource_id INTEGER);"
      "INSERT INTO resource VALUES (1, 'idA', '/a'), (2, 'idB', '/b');"
      "INSERT INTO upload_queue VALUES (1)");
  EXPECT_THAT(unsent(), ElementsAre("a idA there 1"));
  // An id that is no number, names that are no text.
  database_of(
      "CREATE TABLE resource (id INTEGER PRIMARY KEY, remote_id, path, state);"
      "INSERT INTO resource VALUES (1, 17, x'2f61ff', 'ToUpload'), (2, NULL, NULL, 'ToUpload')");
  EXPECT_THAT(unsent(), ElementsAre("a_ 17 lost 0", "  lost 0"));
}

TEST_F(UnsentTest, NamesThatLeadElsewhere) {
  {
    OldDatabase database(file());
    database.run(kTables);
    database.add(1, "'../secret'", "'/../../etc/passwd'", "ToUpload");
    database.add(2, "'idB'", "'//./b'", "ToUpload");
    database.add(3, "'link'", "'/l'", "ToUpload");
    database.add(4, "'..'", "'..'", "ToUpload");
    database.add(5, "CAST(x'61006200' AS TEXT)", "CAST(x'2f610062' AS TEXT)", "ToUpload");
    database.add(6, "'directory'", "''", "ToUpload");
  }
  content("idB", "1");
  std::ofstream(folder_ / "secret") << "secret";
  fs::create_symlink(folder_ / "secret", cache() / "link");
  fs::create_directory(cache() / "directory");
  EXPECT_THAT(unsent(), ElementsAre("__/__/etc/passwd ../secret unusable 0", "_/b idB there 1",
                                    "l link unusable 0", "__ .. unusable 0",
                                    cat("a_b ", std::string("a\0b\0", 4), " unusable 0"),
                                    "name directory unusable 0"));
}

TEST_F(UnsentTest, WhatAKilledWriterHadBegunIsTakenBack) {
  const fs::path live = folder_ / "live";
  fs::create_directory(live);
  OldDatabase database(live / "cache.db");
  database.run(kTables);
  database.run("BEGIN");
  for (int i = 1; i <= 500; ++i) database.add(i, cat("'id", i, "'"), "'/a'", "Synchronized");
  database.run("COMMIT");
  database.run("UPDATE resource SET state = 'ToUpload' WHERE id = 250");
  content("id250", "unsent");
  // More than the cache of pages holds: what is not committed stands in the file.
  database.run("PRAGMA cache_size = 2; BEGIN; UPDATE resource SET state = 'NotFound', path = '/b'");
  ASSERT_TRUE(fs::exists(live / "cache.db-journal"));
  for (const char* name : {"cache.db", "cache.db-journal"}) {
    fs::copy_file(live / name, cache() / name);
  }
  database.run("ROLLBACK");
  ASSERT_NE(read_all(cache() / "cache.db"), read_all(live / "cache.db"));
  const auto before = everything();
  EXPECT_THAT(unsent(), ElementsAre("a id250 there 6"));
  EXPECT_EQ(everything(), before);
}

TEST_F(UnsentTest, AWriteAheadLogCounts) {
  const fs::path live = folder_ / "live";
  fs::create_directory(live);
  OldDatabase database(live / "cache.db");
  database.run("PRAGMA journal_mode = WAL");
  database.run(kTables);
  database.add(1, "'idA'", "'/a'", "ToUpload");
  for (const char* name : {"cache.db", "cache.db-wal"}) fs::copy_file(live / name, cache() / name);
  content("idA", "1");
  const auto before = everything();
  EXPECT_THAT(unsent(), ElementsAre("a idA there 1"));
  EXPECT_EQ(everything(), before);
}

TEST_F(UnsentTest, AWriterThatLivesIsNamed) {
  OldDatabase database(file());
  database.run(kTables);
  database.run("BEGIN EXCLUSIVE");
  const Error error = refusal();
  EXPECT_EQ(error.code, ErrorCode::kBusy);
  EXPECT_THAT(error.message, HasSubstr("end google-drive-ocamlfuse first"));
}

TEST_F(UnsentTest, WhatIsNoSuchDatabaseIsNamed) {
  EXPECT_EQ(refusal().code, ErrorCode::kNotFound);
  const auto is_damage = [&](const std::string& bytes) {
    std::ofstream(file(), std::ios::binary | std::ios::trunc) << bytes;
    const Error error = refusal();
    EXPECT_EQ(error.code, ErrorCode::kCorrupt) << error.to_string();
    EXPECT_THAT(error.to_string(), HasSubstr(file().native()));
  };
  is_damage("");
  is_damage(std::string(10'000, 'x'));
  {
    OldDatabase other(folder_ / "other.db");
    other.run("CREATE TABLE resource (id INTEGER PRIMARY KEY, name TEXT)");
  }
  is_damage(read_all(folder_ / "other.db"));
  {
    OldDatabase database(folder_ / "whole.db");
    database.run(kTables);
    database.run("BEGIN");
    for (int i = 1; i <= 500; ++i) database.add(i, cat("'id", i, "'"), "'/a'", "ToUpload");
    database.run("COMMIT");
  }
  const std::string whole = read_all(folder_ / "whole.db");
  is_damage(whole.substr(0, whole.size() / 2));
  std::string garbled = whole;
  std::fill(garbled.begin() + 4096, garbled.end(), '\xff');
  is_damage(garbled);
}

}  // namespace
}  // namespace driveway::rescue
