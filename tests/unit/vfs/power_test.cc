// A crash of the machine under a whole Vfs: what fsync acknowledged is there, whatever subset of
// the unsynced writes reached the disk, LMDB's among them (D2); and the tests notice when one of
// the syncs that this rests on is left out.
#include <atomic>
#include <chrono>
#include <fstream>
#include <iostream>
#include <random>
#include <shared_mutex>
#include <thread>

#include "drive/decorated_store.h"
#include "unit/support/crash_disk.h"
#include "unit/support/in_child.h"
#include "unit/support/random_runs.h"
#include "unit/vfs/power_model.h"
#include "unit/vfs/vfs_fixture.h"

namespace driveway::vfs {
namespace {

// Drive, to a machine that may stop at any moment: no change comes from it afterwards.
class LastingStore final : public drive::DecoratedStore {
 public:
  using DecoratedStore::DecoratedStore;

  // Gives what `look` gives while no change is on its way, and there will be none.
  template <typename Look>
  auto stop(const Look& look) {
    const std::unique_lock lock(mutex_);
    stopped_ = true;
    return look();
  }

 protected:
  Status around(const Context& /*context*/, const drive::CallInfo& call,
                const Attempt& attempt) override {
    switch (call.method) {
      case drive::Method::kCreate:
      case drive::Method::kUpdate:
      case drive::Method::kCopy:
      case drive::Method::kRemove:
      case drive::Method::kBeginUpload:
      case drive::Method::kSend:
      case drive::Method::kCancelUpload:
      case drive::Method::kKeepRevision:
      case drive::Method::kRemoveRevision: {
        const std::shared_lock lock(mutex_);
        if (stopped_) return Error{ErrorCode::kUnavailable, "the machine has stopped", true};
        return attempt();
      }
      default:
        return attempt();
    }
  }

 private:
  std::shared_mutex mutex_;
  bool stopped_ = false;
};

class PowerTest : public VfsFixture {
 protected:
  PowerTest() { options_.cache.min_free_disk = 0; }

  struct Crash {
    std::size_t calls = 0;     // of the disk, until it came
    std::size_t promised = 0;  // a step of the model
  };

  // --- The program that writes.

  std::string some_path() {
    static const char* const kFolders[] = {"", "", "d0/", "d1/"};
    const std::string folder = kFolders[random_() % std::size(kFolders)];
    const bool exists = folder.empty() || model_.names().contains(folder.substr(0, 2));
    return (exists ? folder : "") + "f" + std::to_string(random_() % 4);
  }
  std::string some_file() {
    std::vector<std::string> paths;
    for (const auto& [path, file] : model_.names()) {
      if (file != nullptr && file != held_) paths.push_back(path);
    }
    return paths.empty() ? std::string() : paths[random_() % paths.size()];
  }
  std::string some_bytes() {
    static constexpr Bytes kMost[] = {200, 5'000, 400'000};
    std::string bytes(1 + random_() % kMost[random_() % std::size(kMost)], '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  static std::string mounted(const std::string& path) { return "MyDrive/" + path; }

  template <typename... Parts>
  void note(const Parts&... parts) {
    history_ += cat(model_.step(), " ", parts..., "\n");
  }
  void promise() {
    note("promised");
    disk_->mark(model_.step());
  }

  void fsync(OpenFile& file, PowerModel::File& model) {
    ASSERT_TRUE(file.sync({}).ok());
    model_.acknowledge(model, /*by_fsync=*/true);
    promise();
  }
  void finish(const std::shared_ptr<OpenFile>& file, PowerModel::File& model, bool sync) {
    if (sync) fsync(*file, model);
    ASSERT_TRUE(file->flush({}).ok());
    model_.acknowledge(model, /*by_fsync=*/false);
    note("closed");
    ASSERT_TRUE(file->close({}).ok());
  }
  void put_at(OpenFile& file, PowerModel::File& model, Bytes offset, const std::string& bytes) {
    note("put ", bytes.size(), " at ", offset);
    std::string next = model.bytes;
    if (next.size() < offset + bytes.size()) next.resize(offset + bytes.size(), '\0');
    next.replace(offset, bytes.size(), bytes);
    PowerModel::wrote(model, std::move(next));
    const Status status = put(file, offset, bytes);
    ASSERT_TRUE(status.ok()) << status.error().to_string() << "\n" << history_;
  }

  void write_whole(const std::string& path, bool sync) {
    auto model = model_.file(path);
    std::shared_ptr<OpenFile> file;
    if (model == nullptr) {
      model = std::make_shared<PowerModel::File>();
      model_.add(path, model);
      note("create ", path);
      file = create(mounted(path));
    } else {
      PowerModel::wrote(*model, "");
      note("anew ", path);
      file = open_to_write(mounted(path), /*truncate=*/true);
    }
    ASSERT_NE(file, nullptr);
    put_at(*file, *model, 0, some_bytes());
    finish(file, *model, sync);
  }
  void change_in_place(bool at_end, bool sync) {
    const std::string path = some_file();
    if (path.empty()) return;
    const auto model = model_.file(path);
    note("change ", path);
    const auto file = open_to_write(mounted(path));
    ASSERT_NE(file, nullptr);
    const Bytes size = model->bytes.size();
    put_at(*file, *model, at_end || size == 0 ? size : random_() % size, some_bytes());
    finish(file, *model, sync);
  }
  void replace(bool sync) {
    const std::string path = some_path();
    if (is_held(path)) return;
    write_whole("tmp", sync);
    rename_both("tmp", path);
  }
  bool is_held(const std::string& path) const {
    return held_ != nullptr && model_.file(path) == held_;
  }
  void rename_both(const std::string& from, const std::string& to) {
    model_.rename(from, to);
    note("rename ", from, " ", to);
    ASSERT_TRUE(rename(mounted(from), mounted(to)).ok()) << from << " " << to;
  }
  // A file that stays open, with an fsync now and then.
  void hold() {
    if (held_ == nullptr) {
      const std::string path = "held";
      if (model_.file(path) != nullptr) {
        model_.remove(path);
        ASSERT_TRUE(unlink(mounted(path)).ok());
      }
      held_ = std::make_shared<PowerModel::File>();
      model_.add(path, held_);
      note("hold");
      open_file_ = create(mounted(path));
      ASSERT_NE(open_file_, nullptr);
    }
    put_at(*open_file_, *held_, held_->bytes.size(), some_bytes());
    if (random_() % 2 == 0) fsync(*open_file_, *held_);
    if (random_() % 4 == 0) let_go();
  }
  void let_go() {
    if (held_ == nullptr) return;
    finish(open_file_, *held_, random_() % 2 == 0);
    open_file_.reset();
    held_.reset();
  }
  void change_names() {
    const std::string file = some_file();
    const std::string folder = random_() % 2 == 0 ? "d0" : "d1";
    switch (random_() % 4) {
      case 0: {
        const std::string to = some_path();
        if (!file.empty() && file != to && !is_held(to)) rename_both(file, to);
        break;
      }
      case 1:
        if (file.empty()) break;
        model_.remove(file);
        note("unlink ", file);
        ASSERT_TRUE(unlink(mounted(file)).ok());
        break;
      case 2:
        if (model_.names().contains(folder)) break;
        model_.add(folder, nullptr);
        note("make ", folder);
        make_folder(mounted(folder));
        break;
      default: {
        const std::string other = folder == "d0" ? "d1" : "d0";
        if (!model_.names().contains(folder) || model_.names().contains(other)) break;
        rename_both(folder, other);
      }
    }
  }
  void sync_a_folder() {
    const std::size_t step = model_.step();
    ASSERT_TRUE(vfs_->sync_folder({}, inode_of("MyDrive")).ok());
    note("synced all until ", step);
    disk_->mark(step);
  }

  void do_something() {
    const bool sync = random_() % 3 == 0;
    switch (random_() % 10) {
      case 0:
      case 1: {
        const std::string path = some_path();
        if (!is_held(path)) write_whole(path, sync);
        break;
      }
      case 2:
        return change_in_place(true, sync);
      case 3:
        return change_in_place(false, sync);
      case 4:
        return replace(sync);
      case 5:
      case 6:
        return change_names();
      case 7:
        return hold();
      case 8:
        return sync_a_folder();
      default:
        note("time passes");
        clock_.advance(std::chrono::milliseconds(random_() % 2500));
    }
  }

  // --- One machine, from its start until it stops.

  void open_at(const std::filesystem::path& folder, drive::RemoteStore& store) {
    auto vfs = Vfs::open(folder, options_, store, clock_, metrics_);
    ASSERT_TRUE(vfs.ok()) << vfs.error().to_string();
    vfs_ = *std::move(vfs);
    const Status started = vfs_->start({});
    ASSERT_TRUE(started.ok()) << started.error().to_string();
  }

  Crash run(const std::filesystem::path& root, LastingStore& store, int steps) {
    std::atomic<std::size_t> fatal{~std::size_t{0}};
    std::atomic<bool> is_over{false};
    Crash crash;
    std::thread fate([&] {
      while (disk_->calls() < fatal.load() && !is_over.load()) std::this_thread::yield();
      crash.calls = store.stop([&] { return disk_->calls(); });
    });
    options_.boot_id = "this boot";
    open_at(root / "0123", store);
    disk_->mark(0);
    const int last = static_cast<int>(random_() % static_cast<unsigned>(steps));
    for (int step = 0; step < steps && !HasFatalFailure(); ++step) {
      if (step == last) fatal = disk_->calls() + random_() % 60;
      do_something();
    }
    is_over = true;
    fate.join();
    crash.promised = disk_->marked(crash.calls).value_or(0);
    open_file_.reset();
    held_.reset();
    vfs_.reset();
    return crash;
  }

  // --- What is left.

  // While it is not known yet that Drive has it as it was sent, it may have gone on from its base.
  Status read_whole(InodeId inode, std::string& bytes) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (true) {
      bytes.assign(4 << 20, '\0');
      const auto file = vfs_->open_file({}, inode, {});
      if (!file.ok()) return file.error();
      const auto count = (*file)->read({}, 0, std::as_writable_bytes(std::span(bytes)));
      bytes.resize(count.value_or(0));
      if (count.ok()) return {};
      const bool may_pass = count.failed_with(ErrorCode::kStale);
      if (!may_pass || std::chrono::steady_clock::now() > until) return count.error();
      clock_.advance(std::chrono::milliseconds(100));
      std::this_thread::yield();
    }
  }

  void find_below(const std::string& folder, FoundTree& found) {
    const auto entries = vfs_->list({}, inode_of(folder));
    ASSERT_TRUE(entries.ok()) << entries.error().to_string();
    for (const tree::DirEntry& entry : *entries) {
      const std::string path = folder + "/" + entry.name;
      const std::string name = path.substr(mounted("").size());
      if (entry.kind == tree::NodeKind::kDirectory) {
        ++found.folders[name];
        find_below(path, found);
      } else {
        std::string bytes;
        const Status status = read_whole(entry.inode, bytes);
        ASSERT_TRUE(status.ok() || status.failed_with(ErrorCode::kCorrupt) ||
                    status.failed_with(ErrorCode::kStale))
            << path << ": " << status.error().to_string();
        if (!status.ok()) found.errors[name] = status.error().to_string();
        if (entry.name.find(" (recovered ") != std::string::npos) continue;  // nobody's promise
        found.files[name] = status.ok() ? std::optional(std::move(bytes)) : std::nullopt;
      }
    }
  }

  // The first fault of what is found in `folder` after a start, and of what Drive has of it then.
  std::string fault_in(const std::filesystem::path& folder, drive::FakeStore& drive,
                       const Crash& crash) {
    options_.boot_id = "the next boot";
    auto vfs = Vfs::open(folder / "0123", options_, drive, clock_, metrics_);
    if (!vfs.ok()) return "it does not open: " + vfs.error().to_string();
    vfs_ = *std::move(vfs);
    const Status started = vfs_->start({});
    if (!started.ok()) return "it does not start: " + started.error().to_string();
    FoundTree found;
    find_below("MyDrive", found);
    std::string fault = model_.fault_of(found, crash.promised);
    if (fault.empty()) fault = fault_in_drive(drive, found);
    vfs_.reset();
    return fault;
  }

  // Everything that can be sent is sent; what cannot be read never is.
  std::string fault_in_drive(drive::FakeStore& drive, const FoundTree& found) {
    std::atomic<bool> is_over{false};
    CancelSource patience;
    std::thread time([&] {
      const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      while (!is_over.load()) {
        clock_.advance(std::chrono::milliseconds(100));
        std::this_thread::yield();
        if (std::chrono::steady_clock::now() > until) patience.cancel();
      }
    });
    const Status flushed = vfs_->flush({.cancel = patience.token()}, InodeId());
    is_over = true;
    time.join();
    const bool is_whole = found.errors.empty();
    for (const auto& [path, bytes] : found.files) {
      const auto item = item_at(drive, path);
      if (bytes && (!item || drive.content(item->id) != *bytes)) {
        if (flushed.ok()) return cat("Drive has not what ", path, " is");
      }
      if (!bytes && item && !model_.may_be_in_drive(path, drive.content(item->id))) {
        return cat("Drive has of ", path, " what nobody wrote");
      }
    }
    if (is_whole && !flushed.ok()) return "it cannot be sent: " + flushed.error().to_string();
    return {};
  }
  static std::optional<drive::Item> item_at(drive::FakeStore& drive, const std::string& path) {
    FileId folder = drive.root();
    std::optional<drive::Item> item;
    for (const auto name : split(path, '/')) {
      drive::ListQuery query;
      query.parents = {folder};
      const auto page = drive.list({}, query, "");
      item.reset();
      for (const drive::Item& each : page.value().items) {
        if (each.name == name && !each.trashed) item = each;
      }
      if (!item) return item;
      folder = item->id;
    }
    return item;
  }

  // One run with a crash in it. `ignored`: syncs that do nothing.
  std::string fault_of_run(const CrashDisk::Predicate& ignored, int steps = 40) {
    const std::uint64_t seed = first_seed();
    random_.seed(seed);
    model_ = PowerModel();
    history_.clear();
    const auto root = temporary_ / ("root" + std::to_string(++runs_));
    std::filesystem::create_directory(root);
    drive::FakeStore drive(clock_);
    LastingStore store(drive);
    std::string fault;
    {
      CrashDisk disk(root);
      disk.ignore_syncs(ignored);
      disk_ = &disk;
      const Crash crash = run(root, store, steps);
      // One only: what is sent after it changes the Drive that all would have been cut off from.
      const auto loss = CrashDisk::kAllLosses[random_() % std::size(CrashDisk::kAllLosses)];
      const auto image = temporary_ / "image";
      disk.image(crash.calls, loss, random_, image);
      const auto look = [&] {
        std::string found = fault_in(image, drive, crash);
        return HasFatalFailure() ? cat("what is left cannot be listed; ", found) : found;
      };
      // LMDB may crash on what a missing sync leaves.
      if (!HasFatalFailure()) fault = ignored ? in_child(look) : look();
      if (!fault.empty()) fault += cat(", loss ", static_cast<int>(loss));
      std::filesystem::remove_all(image);
    }
    std::filesystem::remove_all(root);
    return fault.empty() ? fault : cat(fault, ", seed ", seed, "\n", history_);
  }

  std::mt19937_64 random_;
  PowerModel model_;
  std::string history_;  // with the step behind each line
  CrashDisk* disk_ = nullptr;
  PowerModel::FilePtr held_;
  std::shared_ptr<OpenFile> open_file_;
  int runs_ = 0;
};

TEST_F(PowerTest, WhatFsyncAcknowledgedSurvivesAnySubsetOfUnsyncedWrites) {
  for (int round = 0; round < rounds(30); ++round) {
    ASSERT_EQ(fault_of_run(nullptr), "");
    ASSERT_FALSE(HasFatalFailure());
  }
}

struct Mutation {
  const char* what;
  CrashDisk::Predicate ignored;
};

class PowerMutationTest : public PowerTest, public testing::WithParamInterface<Mutation> {};

// The test above fails without any of the syncs that D2 rests on.
TEST_P(PowerMutationTest, IsNoticed) {
  std::string fault;
  for (int run = 0; run < 60 && fault.empty(); ++run) {
    fault = fault_of_run(GetParam().ignored);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_NE(fault, "") << "without the sync " << GetParam().what;
  std::cout << "without the sync " << GetParam().what << ": " << fault.substr(0, fault.find('\n'))
            << '\n';
}

bool is_content(const std::filesystem::path& path) {
  return path.parent_path().parent_path().filename() == "content";
}

INSTANTIATE_TEST_SUITE_P(Syncs, PowerMutationTest,
                         testing::Values(Mutation{"of the contents", is_content},
                                         Mutation{"of the log",
                                                  [](const auto& path) {
                                                    return path.parent_path().filename() == "log" &&
                                                           path.extension() != ".tmp";
                                                  }},
                                         Mutation{"of the journal's LMDB",
                                                  [](const auto& path) {
                                                    return path.filename() == "data.mdb" &&
                                                           path.parent_path().filename() ==
                                                               "journal";
                                                  }},
                                         Mutation{"of the contents' names", [](const auto& path) {
                                                    return path.parent_path().filename() ==
                                                           "content";
                                                  }}));

}  // namespace
}  // namespace driveway::vfs
