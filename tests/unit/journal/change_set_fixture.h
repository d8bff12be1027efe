// A ChangeSet, a TinyDrive and a clock, and what a sender does in few words.
#pragma once

#include "journal/change_set.h"
#include "unit/journal/tiny_drive.h"

namespace driveway::journal {

using drive::ItemKind;

inline constexpr Milliseconds kSettle{1'000};
inline constexpr Milliseconds kHold{3'000};

class ChangeSetTest : public testing::Test {
 protected:
  template <typename T>
  T must(Result<T> result) {
    EXPECT_TRUE(result.ok()) << result.error().to_string();
    return result.ok() ? std::move(result).value() : T{};
  }
  void pass(Milliseconds time) { now_ += time; }
  static Place in_root(std::string name) { return {kRoot, kRootId, std::move(name)}; }
  static ContentState bytes(std::uint64_t number, std::string text) {
    ContentState bytes;
    bytes.number = number;
    bytes.size = text.size();
    bytes.state = std::move(text);
    return bytes;
  }

  void create(InodeId inode, const Place& place, ItemKind kind, const std::string& text = "") {
    NewEntry entry;
    entry.kind = kind;
    entry.id = FileId(cat_id(inode));
    entry.modified = now_;
    entry.content = bytes(inode.value(), text);
    must(set_.create(inode, place, entry, now_));
  }
  // One that is to be copied by Drive from `source`, and of which `number` has what is needed to
  // send its bytes (0: nothing has).
  void copy_of(int inode, const std::string& source, std::uint64_t number) {
    create(InodeId(inode), in_root("copy"), ItemKind::kFile);
    const TinyDrive::Entry& from = drive_.at(FileId(source));
    ContentState copied = bytes(number, from.content);
    copied.copy = CopySource{from.item.id, from.item.head_revision};
    must(set_.synced(InodeId(inode), copied, now_, now_));
    pass(kSettle);
  }
  void file(int inode, const std::string& name, const std::string& text = "x") {
    create(InodeId(inode), in_root(name), ItemKind::kFile, text);
  }
  void folder(int inode, const std::string& name) {
    create(InodeId(inode), in_root(name), ItemKind::kFolder);
  }
  // A file that Drive has.
  void clean(int inode, const std::string& name, const std::string& text, bool is_folder = false,
             const std::string& parent = "root", int parent_inode = 1) {
    const std::string id = cat_id(InodeId(inode));
    drive_.add(id, parent, name, is_folder, text);
    know(inode, parent_inode);
  }
  void know(int inode, int parent_inode = 1) {
    const drive::Item item = *drive_.get(FileId(cat_id(InodeId(inode))));
    Known known{item.id,   true,          *item.parent,    InodeId(parent_inode), item.name,
                false,     item.modified, item.properties, item.head_revision,    item.md5,
                item.size, item.version};
    NewEntry entry;
    entry.kind = item.kind;
    set_.know(InodeId(inode), entry, known);
  }
  void rewrite(int inode, const std::string& text, std::uint64_t number = 0) {
    must(set_.opened(InodeId(inode)));
    must(set_.closed(InodeId(inode), bytes(number == 0 ? 1000 + inode : number, text), now_, now_));
  }
  void must(const Status& status) { EXPECT_TRUE(status.ok()); }

  std::vector<Step> offered(std::size_t most = 100) { return set_.next(now_, {most, true}).steps; }
  Step begin(Step step) {
    must(set_.began(step, {FileId("fresh"), md5_of(step.sent.content.state)}, now_));
    return step;
  }
  Outcome finish(const Step& step) {
    const auto item = drive_.carry_out(step);
    if (step.sent.action == Action::kRemove) {
      return must(set_.removed(step, now_));
    }
    return must(set_.finished(step, *item, kRoot, now_));
  }
  // The only step that may be sent.
  Step only() {
    const auto steps = offered();
    EXPECT_EQ(steps.size(), 1u);
    return steps.empty() ? Step{} : steps[0];
  }
  Step send_only() {
    const Step step = begin(only());
    finish(step);
    return step;
  }
  Wait wait_of(int inode) { return set_.waiting(InodeId(inode), now_).wait; }
  void reload() {
    std::vector<Change> rows;
    for (int inode = 0; inode < 100; ++inode) {
      if (const Change* const change = set_.find(InodeId(inode))) {
        rows.push_back(must(decode_change(encode(*change))));
      }
    }
    set_ = ChangeSet(options_);
    must(set_.load(std::move(rows), now_));
  }
  static std::string cat_id(InodeId inode) { return "id" + std::to_string(inode.value()); }

  const Error cut_{ErrorCode::kUnavailable, "cut", true};
  const Error full_{ErrorCode::kStorageFull, "full", false};
  const Error refused_{ErrorCode::kPermissionDenied, "no", false};
  Options options_;
  ChangeSet set_{options_};
  TinyDrive drive_;
  WallTime now_{std::chrono::hours(400'000)};
};

}  // namespace driveway::journal
