#include "ocamlfuse/memory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "unit/base/temporary_folder.h"

namespace driveway::ocamlfuse {
namespace {

TEST(Memory, KeepsWhatWasGiven) {
  const TemporaryFolder folder;
  {
    auto memory = Memory::open(folder.path(), "work");
    ASSERT_TRUE(memory.ok());
    memory->set("client_id", "1.apps");
    memory->set("client_secret", "s3 with=signs");
    memory->set("scope", "");
    ASSERT_TRUE(memory->save().ok());
  }
  auto memory = Memory::open(folder.path(), "work");
  ASSERT_TRUE(memory.ok());
  EXPECT_EQ(memory->text("client_id"), "1.apps");
  EXPECT_EQ(memory->text("client_secret"), "s3 with=signs");
  EXPECT_EQ(memory->values().size(), 2u);
  memory->set("client_id", "");
  EXPECT_EQ(memory->text("client_id"), "1.apps");
  memory->forget("client_secret");
  ASSERT_TRUE(memory->save().ok());
  EXPECT_EQ(Memory::open(folder.path(), "work")->text("client_secret"), "");
  EXPECT_EQ(Memory::open(folder.path(), "other")->text("client_id"), "");
}

TEST(Memory, IsPrivate) {
  const TemporaryFolder folder;
  auto memory = Memory::open(folder.path(), "default");
  ASSERT_TRUE(memory.ok());
  memory->set("client_id", "1.apps");
  ASSERT_TRUE(memory->save().ok());
  struct stat info {};
  ASSERT_EQ(::stat((folder.path() / "ocamlfuse/default").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  ASSERT_EQ(::stat((folder.path() / "ocamlfuse").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
}

TEST(Memory, RefusesWhatItCannotKeep) {
  const TemporaryFolder folder;
  for (const char* label : {"", "..", ".x", "a/b", "-a", "a b"}) {
    EXPECT_TRUE(Memory::open(folder.path(), label).failed_with(ErrorCode::kInvalidArgument))
        << label;
  }
  auto memory = Memory::open(folder.path(), "default");
  ASSERT_TRUE(memory.ok());
  memory->set("client_id", "1\n2");
  EXPECT_FALSE(memory->save().ok());
}

}  // namespace
}  // namespace driveway::ocamlfuse
