// A kill at each fault point of the sender, and a restart: what was acknowledged gets to Drive, and
// once (J1, J2, D4). Processes that are really killed are the business of tests/mount.
#include <atomic>

#include "unit/journal/sender_fixture.h"

namespace driveway::journal {
namespace {

using drive::some_bytes;

class SenderKill : public SenderTest, public testing::WithParamInterface<const char*> {
 protected:
  // Everything that a sender can be asked to do.
  void operate() {
    folder_id_ = store_.add_folder(store_.root(), "d");
    const FileId small = store_.add_file(folder_id_, "small", "base");
    const FileId large = store_.add_file(folder_id_, "large", "base");
    const FileId moved = store_.add_file(folder_id_, "moved", "base");
    const FileId doomed = store_.add_file(folder_id_, "doomed", "base");
    const FileId old = store_.add_folder(folder_id_, "old");
    const FileId inner = store_.add_file(old, "inner", "base");
    const FileId target = store_.add_file(folder_id_, "target", "base");
    const InodeId parent = known(folder_id_);
    known(old);
    create("new", "new", parent);
    create("new large", large_, parent);
    create("below", "x", make_folder("new folder", parent));
    rewrite(small, "small", parent);
    rewrite(large, large_, parent);
    rename(moved, kRoot, "moved on");
    remove(doomed, parent);
    remove(inner, known(old));
    remove(old, parent);
    const InodeId replacer = create("tmp", "replaced", parent);
    change([&](ChangeSet& set, WallTime now) {
      know(set, target, parent);
      return set.rename_over(replacer, known(target), place(parent, "target"), now);
    });
    const InodeId copy = new_inode();
    change([&](ChangeSet& set, WallTime now) {
      NewEntry entry;
      entry.modified = now;
      entry.content = side_.copy_of(copy, *store_.find(moved));
      return set.create(copy, place(parent, "copy"), entry, now);
    });
    // Sent and then given up: nothing of it may stay.
    const InodeId gone = create("gone", "gone", parent);
    change([&](ChangeSet& set, WallTime now) { return set.remove(gone, now); });
  }
  std::map<std::string, std::string> expected() const {
    return {{"d", "<folder>"},       {"d/copy", "base"},           {"d/large", large_},
            {"d/new", "new"},        {"d/new folder", "<folder>"}, {"d/new folder/below", "x"},
            {"d/new large", large_}, {"d/small", "small"},         {"d/target", "replaced"},
            {"moved on", "base"}};
  }
  // From passage `passage` on nothing gets past the point, as if the process had ended there.
  void kill_at(const char* point, int passage) {
    killed_ = false;
    fault::arm(
        point,
        [this]() -> Status {
          killed_ = true;
          return Error{ErrorCode::kLocalDisk, "killed"};
        },
        passage);
  }

  FileId folder_id_;
  std::atomic<bool> killed_{false};
  const std::string large_ = some_bytes(kLarge, 1);
};

TEST_P(SenderKill, NothingIsLostAndNothingTwice) {
  for (const int passage : {1, 2, 4, 7, 11}) {
    SCOPED_TRACE(testing::Message() << "passage " << passage);
    kill_at(GetParam(), passage);
    operate();
    const bool drained = eventually([&] { return killed_ || dirty() == 0; });
    ASSERT_TRUE(drained);
    ASSERT_TRUE(soon([&] { return !is_busy(); }));
    sender_.reset();
    fault::disarm_all();
    const bool was_killed = killed_;
    reopen();
    ASSERT_TRUE(drain());
    EXPECT_EQ(tree(), expected());
    EXPECT_EQ(metrics_.counter("sender.conflicts").value(), 0);
    EXPECT_EQ(store_.open_uploads(), 0);
    if (testing::Test::HasFailure() || !was_killed) break;
    for (const FileId& id : {folder_id_, id_of("moved on")}) store_.remove(id);
    pass(std::chrono::hours(1));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Points, SenderKill,
    testing::Values("sender.before_began", "sender.after_began", "sender.before_first_byte",
                    "sender.in_body", "sender.before_last_byte", "sender.after_answer",
                    "sender.after_accept", "sender.after_confirmed", "sender.after_record"),
    [](const auto& info) { return std::string(info.param).substr(std::string("sender.").size()); });

}  // namespace
}  // namespace driveway::journal
