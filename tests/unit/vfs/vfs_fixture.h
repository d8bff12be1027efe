// A Vfs over a FakeStore, and short words for what tests do with it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "drive/fake_store.h"
#include "unit/base/temporary_folder.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

inline constexpr OpenMode kToWrite{.read = true, .write = true, .truncate = false};

class VfsFixture : public ::testing::Test {
 protected:
  VfsFixture() : store_(clock_) {
    options_.cache.capacity = 1 * kGiB;
    options_.account = "0123";
  }

  std::filesystem::path folder() const { return temporary_ / "0123"; }

  void open() {
    auto vfs = Vfs::open(folder(), options_, store_, clock_, metrics_);
    ASSERT_TRUE(vfs.ok()) << vfs.error().to_string();
    vfs_ = *std::move(vfs);
    const Status started = vfs_->start({});
    ASSERT_TRUE(started.ok()) << started.error().to_string();
  }

  // As kill -9 leaves it: the folder as it is now. `file`: that is open, and ends.
  void kill(std::shared_ptr<OpenFile> file = nullptr) {
    const auto left = temporary_ / "left";
    // A kill is one moment, and a copy is not: nothing may be recorded meanwhile.
    std::uint64_t before = 0;
    do {
      std::filesystem::remove_all(left);
      before = vfs_->journal()->changes();
      std::filesystem::copy(folder(), left, std::filesystem::copy_options::recursive);
    } while (vfs_->journal()->changes() != before);
    file.reset();
    vfs_.reset();
    std::filesystem::remove_all(folder());
    std::filesystem::rename(left, folder());
  }
  void kill_and_open(std::shared_ptr<OpenFile> file = nullptr) {
    kill(std::move(file));
    open();
  }

  InodeId inode_of(const std::string& path) {
    const auto node = vfs_->resolve({}, path);
    EXPECT_TRUE(node.ok()) << path;
    return node.ok() ? node->inode : InodeId();
  }
  tree::Node node_at(const std::string& path) {
    auto node = vfs_->resolve({}, path);
    EXPECT_TRUE(node.ok()) << path << ": " << (node.ok() ? "" : node.error().to_string());
    return node.value_or(tree::Node());
  }
  static std::pair<std::string, std::string> split_path(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {"", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
  }

  std::shared_ptr<OpenFile> create(const std::string& path) {
    const auto [parent, name] = split_path(path);
    auto opened = vfs_->create_file({}, inode_of(parent), name, {.mode = 0644}, kToWrite);
    EXPECT_TRUE(opened.ok()) << path << ": " << (opened.ok() ? "" : opened.error().to_string());
    return opened.ok() ? opened->file : nullptr;
  }
  std::shared_ptr<OpenFile> open_to_write(const std::string& path, bool truncate = false) {
    auto file = vfs_->open_file({}, inode_of(path), {.write = true, .truncate = truncate});
    EXPECT_TRUE(file.ok()) << path << ": " << (file.ok() ? "" : file.error().to_string());
    return file.value_or(nullptr);
  }
  static Status put(OpenFile& file, Bytes offset, const std::string& text) {
    return file.write({}, offset, std::as_bytes(std::span(text)));
  }
  static void close(const std::shared_ptr<OpenFile>& file) {
    EXPECT_TRUE(file->flush({}).ok());
    EXPECT_TRUE(file->close({}).ok());
  }
  // A new file, written and closed.
  void write_new(const std::string& path, const std::string& text) {
    const auto file = create(path);
    ASSERT_NE(file, nullptr);
    ASSERT_TRUE(put(*file, 0, text).ok());
    close(file);
  }
  void make_folder(const std::string& path) {
    const auto [parent, name] = split_path(path);
    const auto made = vfs_->make_folder({}, inode_of(parent), name, {.mode = 0755});
    ASSERT_TRUE(made.ok()) << made.error().to_string();
  }
  Status rename(const std::string& from, const std::string& to,
                RenameMode mode = RenameMode::kReplace) {
    const auto [parent, name] = split_path(from);
    const auto [new_parent, new_name] = split_path(to);
    return vfs_->rename({}, inode_of(parent), name, inode_of(new_parent), new_name, mode);
  }
  Status unlink(const std::string& path) {
    const auto [parent, name] = split_path(path);
    return vfs_->unlink({}, inode_of(parent), name);
  }
  Status remove_folder(const std::string& path) {
    const auto [parent, name] = split_path(path);
    return vfs_->remove_folder({}, inode_of(parent), name);
  }
  bool exists(const std::string& path) { return vfs_->resolve({}, path).ok(); }

  static std::string read_all(OpenFile& file) {
    std::string text(1 << 20, '\0');
    const auto count = file.read({}, 0, std::as_writable_bytes(std::span(text)));
    return count.ok() ? text.substr(0, *count) : count.error().to_string();
  }
  std::string read(const std::string& path) {
    const auto file = vfs_->open_file({}, inode_of(path), {});
    return file.ok() ? read_all(**file) : file.error().to_string();
  }
  std::vector<std::string> names_in(const std::string& path) {
    std::vector<std::string> names;
    const auto entries = vfs_->list({}, inode_of(path));
    EXPECT_TRUE(entries.ok());
    if (!entries.ok()) return names;
    for (const tree::DirEntry& entry : *entries) names.push_back(entry.name);
    return names;
  }

  // All that is to be sent is in Drive when it returns.
  void flush() {
    const Status flushed = vfs_->flush({}, InodeId());
    EXPECT_TRUE(flushed.ok()) << flushed.error().to_string();
  }
  // The items of a folder in Drive, by name.
  std::vector<drive::Item> items_in(const FileId& folder) {
    drive::ListQuery query;
    query.parents = {folder};
    auto page = store_.list({}, query, "");
    EXPECT_TRUE(page.ok());
    auto items = page.ok() ? page->items : std::vector<drive::Item>();
    std::sort(items.begin(), items.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return items;
  }
  std::vector<std::string> drive_names(const FileId& folder) {
    std::vector<std::string> names;
    for (const drive::Item& item : items_in(folder)) names.push_back(item.name);
    return names;
  }
  drive::Item item_named(const FileId& folder, const std::string& name) {
    for (const drive::Item& item : items_in(folder)) {
      if (item.name == name) return item;
    }
    ADD_FAILURE() << "nothing is called " << name;
    return {};
  }

  TemporaryFolder temporary_;
  FakeClock clock_;
  drive::FakeStore store_;
  Metrics metrics_;
  VfsOptions options_;
  std::unique_ptr<Vfs> vfs_;
};

}  // namespace driveway::vfs
