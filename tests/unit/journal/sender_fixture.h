// A journal and its sender over a Drive in memory.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fault.h"
#include "base/hash.h"
#include "drive/fake_store.h"
#include "journal/sender.h"
#include "unit/base/temporary_folder.h"
#include "unit/drive/test_sources.h"
#include "unit/journal/fake_side.h"

namespace driveway::journal {

using drive::Method;

class SenderTest : public testing::Test {
 public:
  ~SenderTest() override {
    fault::disarm_all();
    store_.faults().clear();
    sender_.reset();
    journal_.reset();
  }

 protected:
  static constexpr Bytes kLarge = 6 * kMiB + 12'345;
  static inline const InodeId kRoot{1};

  SenderTest() {
    side_.place(store_.root(), kRoot);
    options_.ledger.folder = folder_ / "journal";
    options_.ledger.account = "0123456789";
    options_.ledger.reserve = 256 * kKiB;
  }
  void SetUp() override { open(); }
  void open() {
    auto opened = Journal::open(options_, clock_, metrics_);
    ASSERT_TRUE(opened.ok()) << opened.error().to_string();
    journal_ = *std::move(opened);
    sender_ = Sender::make(sender_options_, *journal_, store_, side_, clock_, metrics_);
    sender_->start();
  }
  void reopen() {
    sender_.reset();
    journal_.reset();
    open();
  }

  // --- Operations, as vfs does them.

  void change(const Journal::Call& call) {
    const Status changed = journal_->change({}, Purpose::kNew, call);
    ASSERT_TRUE(changed.ok()) << changed.error().to_string();
  }
  InodeId new_inode() { return InodeId(++inodes_); }
  Place place(InodeId parent, std::string name) {
    const auto id = folders_.find(parent);
    return {parent,
            parent == kRoot        ? store_.root()
            : id == folders_.end() ? FileId()
                                   : id->second,
            std::move(name)};
  }
  InodeId create(const std::string& name, const std::string& text, InodeId parent = kRoot) {
    const InodeId inode = new_inode();
    change([&](ChangeSet& set, WallTime now) {
      NewEntry entry;
      entry.mime_type = "text/plain";
      entry.modified = now;
      entry.content = side_.write(inode, text);
      return set.create(inode, place(parent, name), entry, now);
    });
    return inode;
  }
  InodeId make_folder(const std::string& name, InodeId parent = kRoot) {
    const InodeId inode = new_inode();
    change([&](ChangeSet& set, WallTime now) {
      NewEntry entry;
      entry.kind = drive::ItemKind::kFolder;
      entry.modified = now;
      return set.create(inode, place(parent, name), entry, now);
    });
    return inode;
  }
  // The inode of an item that Drive has.
  InodeId known(const FileId& id) {
    const auto found = known_.find(id);
    const InodeId inode = found == known_.end() ? new_inode() : found->second;
    known_[id] = inode;
    if (store_.find(id)->kind == drive::ItemKind::kFolder) {
      folders_[inode] = id;
      side_.place(id, inode);
    }
    return inode;
  }
  // Tells the journal of it, as before each change.
  void know(ChangeSet& set, const FileId& id, InodeId parent = kRoot) {
    const drive::Item item = *store_.find(id);
    Known known;
    known.id = id;
    known.exists = true;
    known.parent = *item.parent;
    known.parent_inode = parent;
    known.name = item.name;
    known.modified = item.modified;
    known.properties = item.properties;
    known.head_revision = item.head_revision;
    known.md5 = item.md5;
    known.size = item.size;
    known.version = item.version;
    NewEntry entry;
    entry.kind = item.kind;
    entry.mime_type = item.mime_type;
    set.know(this->known(id), entry, known);
  }
  void rewrite(const FileId& id, const std::string& text, InodeId parent = kRoot) {
    const InodeId inode = known(id);
    change([&](ChangeSet& set, WallTime now) -> Result<Rows> {
      know(set, id, parent);
      DRIVEWAY_CHECK(set.opened(inode));
      return set.closed(inode, side_.write(inode, text), now, now);
    });
  }
  void write(InodeId inode, const std::string& text) {
    change([&](ChangeSet& set, WallTime now) {
      return set.written(inode, side_.write(inode, text), now, now);
    });
  }
  void rename(const FileId& id, InodeId parent, const std::string& name) {
    change([&](ChangeSet& set, WallTime now) {
      know(set, id);
      return set.rename(known(id), place(parent, name), now);
    });
  }
  void remove(const FileId& id, InodeId parent = kRoot) {
    change([&](ChangeSet& set, WallTime now) {
      know(set, id, parent);
      return set.remove(known(id), now);
    });
  }

  // --- Waiting.

  bool is_busy() { return metrics_.gauge("sender.in_flight").value() > 0; }
  // Lets time pass whenever nothing is on its way, until `done`.
  template <typename Done>
  bool eventually(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < until) {
      if (!is_busy()) clock_.advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
    return done();
  }
  // As above, but that time stands still.
  template <typename Done>
  static bool soon(const Done& done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    return done();
  }
  std::size_t dirty() const {
    return journal_->look([](const ChangeSet& set) { return set.dirty().size(); });
  }
  bool drain() {
    return eventually([&] { return dirty() == 0 && !is_busy(); });
  }
  void pass(Duration time) { clock_.advance(time); }
  std::optional<Change> row(InodeId inode) const {
    return journal_->look([&](const ChangeSet& set) {
      const Change* const found = set.find(inode);
      return found == nullptr ? std::nullopt : std::optional(*found);
    });
  }

  // --- What Drive has.

  // Paths below My Drive and contents ("<folder>"); a name that is there twice has " twice" added.
  std::map<std::string, std::string> tree() {
    std::map<std::string, std::string> found;
    list_into(store_.root(), "", found);
    return found;
  }
  void list_into(const FileId& folder, const std::string& prefix,
                 std::map<std::string, std::string>& found) {
    drive::ListQuery query;
    query.parents = {folder};
    const auto page = store_.list({}, query, "");
    ASSERT_TRUE(page.ok());
    for (const drive::Item& item : page->items) {
      std::string path = prefix + item.name;
      while (found.contains(path)) path += " twice";
      const bool is_folder = item.kind == drive::ItemKind::kFolder;
      found[path] = is_folder ? "<folder>" : store_.content(item.id);
      if (is_folder) list_into(item.id, path + "/", found);
    }
  }
  FileId id_of(const std::string& name) {
    drive::ListQuery query;
    query.parents = {store_.root()};
    query.name = name;
    const auto page = store_.list({}, query, "");
    return page.ok() && !page->items.empty() ? page->items[0].id : FileId();
  }
  int changing_calls() const {
    int calls = 0;
    for (const Method method : {Method::kCreate, Method::kUpdate, Method::kCopy, Method::kRemove,
                                Method::kBeginUpload, Method::kSend}) {
      calls += store_.calls(method);
    }
    return calls;
  }

  FakeClock clock_;
  drive::FakeStore store_{clock_};
  FakeSide side_;
  TemporaryFolder folder_;
  JournalOptions options_;
  SenderOptions sender_options_;
  Metrics metrics_;
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<Sender> sender_;
  std::uint64_t inodes_ = 2'000;
  std::map<FileId, InodeId> known_;
  std::map<InodeId, FileId> folders_;
};

}  // namespace driveway::journal
