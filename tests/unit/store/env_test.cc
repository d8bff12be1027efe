#include "store/env.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "store/codec.h"
#include "store/data_file.h"
#include "unit/base/temporary_folder.h"

namespace driveway::store {
namespace {

namespace fs = std::filesystem;

class EnvTest : public testing::Test {
 public:
 protected:
  fs::path folder() const { return root_ / "env"; }
  fs::path data_file() const { return folder() / "data.mdb"; }

  static std::unique_ptr<Env> must_open(const fs::path& folder, const EnvOptions& options = {}) {
    auto env = Env::open(folder, options);
    EXPECT_TRUE(env.ok()) << env.error().to_string();
    return env.ok() ? std::move(env).value() : nullptr;
  }
  static Table must_table(Env& env, const std::string& name = "things") {
    auto table = env.table(name);
    EXPECT_TRUE(table.ok()) << table.error().to_string();
    return table.value_or(Table());
  }
  static Status put(Env& env, Table table, std::string_view key, std::string_view value) {
    DRIVEWAY_TRY(WriteTxn txn, env.write());
    DRIVEWAY_CHECK(txn.put(table, key, value));
    return txn.commit();
  }
  static std::optional<std::string> get(Env& env, Table table, std::string_view key) {
    auto txn = env.read();
    if (!txn.ok()) return std::nullopt;
    auto value = txn->get(table, key);
    if (!value.ok() || !*value) return std::nullopt;
    return std::string(**value);
  }
  // Every key with its value.
  static Result<std::map<std::string, std::string>> all(Env& env, Table table) {
    DRIVEWAY_TRY(ReadTxn txn, env.read());
    DRIVEWAY_TRY(Cursor cursor, Cursor::open(txn, table));
    std::map<std::string, std::string> found;
    DRIVEWAY_TRY(bool more, cursor.seek(""));
    while (more) {
      found.emplace(cursor.key(), cursor.value());
      DRIVEWAY_TRY(more, cursor.next());
    }
    return found;
  }

  TemporaryFolder temporary_;
  const fs::path& root_ = temporary_.path();
};

TEST_F(EnvTest, KeepsRowsOverReopen) {
  {
    auto env = must_open(folder());
    const Table table = must_table(*env);
    ASSERT_TRUE(put(*env, table, "a", "1").ok());
    ASSERT_TRUE(put(*env, table, "b", "").ok());
    ASSERT_TRUE(env->sync().ok());
  }
  auto env = must_open(folder());
  const Table table = must_table(*env);
  EXPECT_EQ(get(*env, table, "a"), "1");
  EXPECT_EQ(get(*env, table, "b"), "");
  EXPECT_EQ(get(*env, table, "c"), std::nullopt);
  EXPECT_EQ(get(*env, table, ""), std::nullopt);
  EXPECT_EQ(env->read()->count(table).value_or(0), 2u);
  EXPECT_GT(env->used_bytes(), 0u);
}

TEST_F(EnvTest, WriteTransactionIsSeenAsAWholeOrNotAtAll) {
  auto env = must_open(folder());
  const Table table = must_table(*env);
  {
    auto txn = env->write();
    ASSERT_TRUE(txn.ok());
    ASSERT_TRUE(txn->put(table, "a", "1").ok());
    EXPECT_EQ(txn->get(table, "a").value().value_or(""), "1");
    EXPECT_EQ(get(*env, table, "a"), std::nullopt);  // a reader sees the last commit
  }
  EXPECT_EQ(get(*env, table, "a"), std::nullopt);  // dropped without commit
  ASSERT_TRUE(put(*env, table, "a", "1").ok());
  auto txn = env->write();
  ASSERT_TRUE(txn.ok());
  EXPECT_TRUE(txn->erase(table, "a").value_or(false));
  EXPECT_FALSE(txn->erase(table, "a").value_or(true));
  ASSERT_TRUE(txn->put(table, "b", "2").ok());
  ASSERT_TRUE(txn->clear(table).ok());
  ASSERT_TRUE(txn->commit().ok());
  EXPECT_EQ(env->read()->count(table).value_or(9), 0u);
}

TEST_F(EnvTest, SnapshotStaysAsItWas) {
  auto env = must_open(folder());
  const Table table = must_table(*env);
  ASSERT_TRUE(put(*env, table, "a", "old").ok());
  auto before = env->read();
  ASSERT_TRUE(before.ok());
  ASSERT_TRUE(put(*env, table, "a", "new").ok());
  EXPECT_EQ(before->get(table, "a").value().value_or(""), "old");
  EXPECT_EQ(get(*env, table, "a"), "new");
}

TEST_F(EnvTest, CursorWalksInByteOrder) {
  auto env = must_open(folder());
  const Table table = must_table(*env);
  for (const std::uint64_t number : {300, 2, 70000, 1}) {
    ASSERT_TRUE(put(*env, table, Writer().key64(number).bytes(), "x").ok());
  }
  auto txn = env->read();
  auto cursor = Cursor::open(*txn, table);
  ASSERT_TRUE(cursor.ok());
  std::vector<std::uint64_t> found;
  bool more = cursor->seek(Writer().key64(2).bytes()).value_or(false);
  while (more) {
    found.push_back(Reader(cursor->key()).key64());
    more = cursor->next().value_or(false);
  }
  EXPECT_EQ(found, (std::vector<std::uint64_t>{2, 300, 70000}));
  EXPECT_FALSE(cursor->seek(Writer().key64(70001).bytes()).value_or(true));
}

TEST_F(EnvTest, RefusesKeysThatLmdbCannotHold) {
  auto env = must_open(folder());
  const Table table = must_table(*env);
  EXPECT_TRUE(put(*env, table, "", "x").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(
      put(*env, table, std::string(512, 'k'), "x").failed_with(ErrorCode::kInvalidArgument));
  EXPECT_TRUE(put(*env, table, std::string(511, 'k'), "x").ok());
}

TEST_F(EnvTest, FullMapIsNoSpaceAndLosesNothing) {
  EnvOptions options;
  options.map_size = 1 * kMiB;
  auto env = must_open(folder(), options);
  const Table table = must_table(*env);
  ASSERT_TRUE(put(*env, table, "first", "1").ok());
  const std::string block(64 * kKiB, 'x');
  Status status;
  int blocks = 0;
  while (status.ok() && blocks < 100) status = put(*env, table, cat("block", ++blocks), block);
  EXPECT_TRUE(status.failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(get(*env, table, "first"), "1");
  EXPECT_EQ(get(*env, table, "block1"), block);
  EXPECT_TRUE(env->write()->erase(table, "block1").ok());  // and can be written to again
}

TEST_F(EnvTest, MapThatFindsNoAddressSpaceIsMadeSmaller) {
  EnvOptions options;
  options.map_size = Bytes{1} << 50;  // more than a process can address
  auto env = must_open(folder(), options);
  ASSERT_NE(env, nullptr);
  const Table table = must_table(*env);
  EXPECT_TRUE(put(*env, table, "a", "1").ok());
}

TEST_F(EnvTest, OtherFormatVersionIsNamed) {
  EnvOptions options;
  options.format_version = 7;
  must_open(folder(), options).reset();
  options.format_version = 8;
  auto env = Env::open(folder(), options);
  ASSERT_TRUE(env.failed_with(ErrorCode::kCorrupt));
  EXPECT_NE(env.error().message.find("version 7"), std::string::npos) << env.error().message;
  EXPECT_NE(env.error().message.find("knows 8"), std::string::npos) << env.error().message;
}

TEST_F(EnvTest, SecondOpenOfAFolderIsBusy) {
  auto env = must_open(folder());
  EXPECT_TRUE(Env::open(folder(), {}).failed_with(ErrorCode::kBusy));
  env.reset();
  EXPECT_TRUE(Env::open(folder(), {}).ok());
}

TEST_F(EnvTest, GarbageIsCorrupt) {
  fs::create_directories(folder());
  std::ofstream(data_file()) << "this is no database" << std::string(20'000, 'x');
  EXPECT_TRUE(Env::open(folder(), {}).failed_with(ErrorCode::kCorrupt));
  std::ofstream(data_file(), std::ios::trunc) << "short";
  EXPECT_TRUE(Env::open(folder(), {}).failed_with(ErrorCode::kCorrupt));
  fs::remove(data_file());
  fs::create_directories(data_file());
  EXPECT_FALSE(Env::open(folder(), {}).ok());
  fs::remove(data_file());
  std::ofstream(data_file(), std::ios::trunc) << "";  // empty: killed before the first page
  EXPECT_TRUE(Env::open(folder(), {}).ok());
}

// A file that lost its end, or single pages, is refused or gives what was in it: never SIGBUS.
TEST_F(EnvTest, TruncatedFileNeverKills) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  std::map<std::string, std::string> model;
  {
    auto env = must_open(folder());
    const Table table = must_table(*env);
    for (int round = 0; round < 40; ++round) {
      auto txn = env->write();
      for (int i = 0; i < 20; ++i) {
        const std::string key = cat("key", random() % 300);
        const std::string value(random() % 12'000, static_cast<char>('a' + random() % 26));
        ASSERT_TRUE(txn->put(table, key, value).ok());
        model[key] = value;
      }
      ASSERT_TRUE(txn->commit().ok());
    }
  }
  EXPECT_TRUE(check_data_file_fully(data_file()).ok());
  const auto whole = fs::file_size(data_file());
  const fs::path copy = root_ / "copy.mdb";
  fs::copy_file(data_file(), copy);
  int refused = 0;
  for (int round = 0; round < 60; ++round) {
    fs::copy_file(copy, data_file(), fs::copy_options::overwrite_existing);
    fs::resize_file(data_file(), random() % 2 == 0 ? whole - random() % 200'000
                                                   : (random() % (whole / 4096)) * 4096);
    auto env = Env::open(folder(), {});
    if (!env.ok()) {
      EXPECT_TRUE(env.failed_with(ErrorCode::kCorrupt)) << env.error().to_string();
      ++refused;
      continue;
    }
    auto found = all(**env, must_table(**env));
    ASSERT_TRUE(found.ok()) << found.error().to_string();
    if (!found->empty()) {  // empty: cut down to nothing
      EXPECT_EQ(*found, model);
    }
  }
  EXPECT_GT(refused, 30);
}

TEST_F(EnvTest, FullCheckFindsDamagedPages) {
  {
    auto env = must_open(folder());
    const Table table = must_table(*env);
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(put(*env, table, cat("key", i), std::string(300, 'v')).ok());
    }
  }
  ASSERT_TRUE(check_data_file_fully(data_file()).ok());
  {
    std::fstream file(data_file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(2 * 4096);
    const std::string zeros(fs::file_size(data_file()) - 2 * 4096, '\0');
    file << zeros;
  }
  EXPECT_TRUE(check_data_file_fully(data_file()).failed_with(ErrorCode::kCorrupt));
}

// D1 needs it of the journal: what was committed survives kill -9, without a sync too.
TEST_F(EnvTest, CommitsSurviveKill) {
  for (int round = 0; round < 5; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe_ends[0]);
      auto env = Env::open(folder(), {});
      if (!env.ok()) ::_exit(1);
      auto table = (*env)->table("things");
      if (!table.ok()) ::_exit(1);
      for (std::uint32_t i = 0;; ++i) {
        if (!put(**env, *table, Writer().key64(i).bytes(), std::string(5000, 'v')).ok()) break;
        if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) break;
      }
      ::_exit(1);
    }
    ::close(pipe_ends[1]);
    std::uint32_t last = 0;
    for (int i = 0; i < 20 + 10 * round; ++i) {
      ASSERT_EQ(::read(pipe_ends[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ::close(pipe_ends[0]);
    auto env = must_open(folder());
    auto found = all(*env, must_table(*env));
    ASSERT_TRUE(found.ok());
    EXPECT_GE(found->size(), last + 1);
    env.reset();
    EXPECT_TRUE(check_data_file_fully(data_file()).ok());
  }
}

TEST_F(EnvTest, ManyReadersBesideAWriter) {
  auto env = must_open(folder());
  const Table table = must_table(*env);
  ASSERT_TRUE(put(*env, table, "a", "0").ok());
  ASSERT_TRUE(put(*env, table, "b", "0").ok());
  std::atomic<bool> stop = false;
  std::atomic<int> differences = 0;
  std::vector<std::thread> readers;
  readers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        auto txn = env->read();
        if (!txn.ok() || txn->get(table, "a").value() != txn->get(table, "b").value()) {
          ++differences;
        }
      }
    });
  }
  for (int i = 1; i <= 300; ++i) {
    auto txn = env->write();
    ASSERT_TRUE(txn->put(table, "a", cat(i)).ok());
    ASSERT_TRUE(txn->put(table, "b", cat(i)).ok());
    ASSERT_TRUE(txn->commit().ok());
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(differences, 0);
}

// D6
TEST_F(EnvTest, FullMapIsToldAndGrowsWhenNothingIsOpen) {
  EnvOptions options;
  options.map_size = 128 * kKiB;
  auto env = must_open(folder(), options);
  const Table table = must_table(*env);
  ASSERT_TRUE(put(*env, table, "before", "1").ok());
  const std::string large(200 * kKiB, 'x');
  {
    auto txn = env->write();
    ASSERT_TRUE(txn.ok());
    EXPECT_TRUE(txn->put(table, "large", large).failed_with(ErrorCode::kNoSpace));
    EXPECT_TRUE(txn->map_full());
    EXPECT_FALSE(env->grow(kMiB).value_or(true)) << "a transaction is open";
  }
  {
    auto reader = env->read();
    EXPECT_FALSE(env->grow(kMiB).value_or(true));
    EXPECT_EQ(reader->get(table, "before").value().value_or(""), "1");
  }
  EXPECT_TRUE(env->grow(kMiB).value_or(false));
  EXPECT_EQ(env->map_size(), kMiB);
  ASSERT_TRUE(put(*env, table, "large", large).ok());
  EXPECT_EQ(get(*env, table, "large"), large);
  EXPECT_EQ(get(*env, table, "before"), "1");
  // More than there is address space: it stays as it was.
  EXPECT_TRUE(env->grow(Bytes{1} << 60).failed_with(ErrorCode::kNoSpace));
  EXPECT_EQ(get(*env, table, "large"), large);
}

TEST_F(EnvTest, SetsDiskAsideBehindTheFile) {
  auto env = must_open(folder());
  const Table table = must_table(*env);
  ASSERT_TRUE(put(*env, table, "a", "1").ok());
  const auto length = fs::file_size(data_file());
  ASSERT_TRUE(env->preallocate(kMiB).ok());
  struct stat info {};
  ASSERT_EQ(::stat(data_file().c_str(), &info), 0);
  EXPECT_GE(static_cast<Bytes>(info.st_blocks) * 512, kMiB);
  EXPECT_EQ(static_cast<Bytes>(info.st_size), length);
  ASSERT_TRUE(put(*env, table, "b", std::string(100 * kKiB, 'x')).ok());
  env.reset();
  env = must_open(folder());
  EXPECT_EQ(get(*env, must_table(*env), "a"), "1");
}

}  // namespace
}  // namespace driveway::store
