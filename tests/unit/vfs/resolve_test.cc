// Drive had got what was sent, and the machine stopped before that was recorded (J2): what was here
// of the base is lost, and Drive has it no more.
#include <atomic>
#include <functional>

#include "base/fault.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

class ResolveTest : public VfsFixture {
 protected:
  ~ResolveTest() override { fault::disarm_all(); }

  void append(const std::string& text) {
    const auto file = open_to_write(kPath);
    ASSERT_NE(file, nullptr);
    ASSERT_TRUE(put(*file, node_at(kPath).size, text).ok());
    ASSERT_TRUE(file->sync({}).ok());
    close(file);
    expected_ += text;
  }

  // Stops once Drive has what is sent first, after `meanwhile`, and starts as after a crash of the
  // machine.
  void crash_when_drive_has_it(const std::function<void()>& meanwhile) {
    std::atomic<bool> reached = false;
    CancelSource cancel;
    fault::arm("sender.after_answer", [&]() -> Status {
      if (!reached.exchange(true)) meanwhile();
      cancel.cancel();
      return Error{ErrorCode::kLocalDisk, "killed"};
    });
    static_cast<void>(vfs_->flush({.cancel = cancel.token()}, InodeId()));
    ASSERT_TRUE(reached);
    kill();
    fault::disarm_all();
    options_.boot_id = "the next boot";
    open();
  }

  // J10: there is no conflict, and nothing but the file.
  void look_at_the_end(const FileId& id) {
    flush();
    EXPECT_TRUE(read(kPath) == expected_);
    EXPECT_TRUE(store_.content(id) == expected_);
    EXPECT_THAT(drive_names(store_.root()), testing::ElementsAre("a.bin"));
  }

  static constexpr const char* kPath = "MyDrive/a.bin";
  std::string expected_ = std::string(300'000, 'b');
};

TEST_F(ResolveTest, WhatDriveHasIsReadFromThere) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  options_.boot_id = "this boot";
  const FileId id = store_.add_file(store_.root(), "a.bin", expected_);
  open();
  append("appended");
  crash_when_drive_has_it([] {});
  look_at_the_end(id);
  EXPECT_EQ(store_.revisions({}, id)->size(), 2U) << "it is not sent once more";
}

// J5, J7: what was not changed then either is that of the new revision.
TEST_F(ResolveTest, WhatWasWrittenMeanwhileLiesOverWhatDriveHas) {
  if (!fault::compiled_in()) GTEST_SKIP() << "needs fault points";
  options_.boot_id = "this boot";
  const FileId id = store_.add_file(store_.root(), "a.bin", expected_);
  open();
  append("appended");
  crash_when_drive_has_it([this] { append(" twice"); });
  look_at_the_end(id);
}

}  // namespace
}  // namespace driveway::vfs
