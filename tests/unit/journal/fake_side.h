// A LocalSide in memory: bytes by inode, and what it was told.
#pragma once

#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/strings.h"
#include "drive/fake_store.h"
#include "journal/sender.h"

namespace driveway::journal {

class FakeSide final : public LocalSide {
 public:
  struct Dirty {
    std::shared_ptr<const std::string> text;
    std::uint64_t number = 0;
    std::uint64_t changes = 0;
    std::optional<CopySource> copy{};
  };
  struct Confirmed {
    InodeId inode;
    std::string text;  // of the snapshot
    bool has_snapshot = false;
    drive::Item item;
  };

  // The dirty content of `inode` becomes `text`; gives what a row says of it.
  ContentState write(InodeId inode, std::string text) {
    const std::lock_guard lock(mutex_);
    Dirty& bytes = contents_[inode];
    if (bytes.number == 0) bytes.number = ++numbers_;
    bytes.text = std::make_shared<const std::string>(std::move(text));
    bytes.copy.reset();
    ++bytes.changes;
    return state_of(bytes);
  }
  // The dirty content of `inode` becomes a copy of `item`, whose bytes `text` are here.
  ContentState copy_of(InodeId inode, const drive::Item& item, std::string text) {
    write(inode, std::move(text));
    const std::lock_guard lock(mutex_);
    Dirty& bytes = contents_.at(inode);
    bytes.copy = CopySource{item.id, item.head_revision};
    return state_of(bytes);
  }
  // As above, but that none of them are.
  ContentState copy_of(InodeId inode, const drive::Item& item) {
    const std::lock_guard lock(mutex_);
    ContentState state;
    state.number = ++numbers_;
    state.size = *item.size;
    state.copy = CopySource{item.id, item.head_revision};
    contents_.erase(inode);
    return state;
  }
  void place(const FileId& id, InodeId inode) {
    const std::lock_guard lock(mutex_);
    inodes_[id] = inode;
  }
  // What the next snapshots fail with, until it is taken back.
  void fail_snapshots(std::optional<Error> error) {
    const std::lock_guard lock(mutex_);
    snapshot_error_ = std::move(error);
  }
  // Before each snapshot the bytes change, without a word to the journal.
  void write_at_each_look(InodeId inode) {
    const std::lock_guard lock(mutex_);
    restless_ = inode;
  }
  // Called with what is to be shown, before it is. To be set before anything is sent.
  void on_accept(std::function<void(const drive::Item&)> call) { on_accept_ = std::move(call); }
  std::vector<Confirmed> confirmed() const {
    const std::lock_guard lock(mutex_);
    return confirmed_;
  }
  std::vector<FileId> removed_ids() const {
    const std::lock_guard lock(mutex_);
    return removed_;
  }
  std::vector<InodeId> replaced() const {
    const std::lock_guard lock(mutex_);
    return replaced_;
  }
  bool has_dirty(InodeId inode) const {
    const std::lock_guard lock(mutex_);
    return contents_.contains(inode);
  }

  // --- LocalSide.

  Result<std::unique_ptr<Snapshot>> snapshot(const Context& /*context*/, InodeId inode) override {
    const std::lock_guard lock(mutex_);
    if (snapshot_error_) return *snapshot_error_;
    const auto found = contents_.find(inode);
    if (found == contents_.end()) return Error{ErrorCode::kNotFound, "no dirty content"};
    if (inode == restless_) ++found->second.changes;
    return std::unique_ptr<Snapshot>(new Frozen(*this, inode, found->second));
  }
  Result<InodeId> accept(const drive::Item& item) override {
    if (on_accept_) on_accept_(item);
    const std::lock_guard lock(mutex_);
    if (item.trashed || !item.parent) return InodeId();
    const auto found = inodes_.find(*item.parent);
    return found == inodes_.end() ? InodeId() : found->second;
  }
  Status removed(const FileId& id) override {
    const std::lock_guard lock(mutex_);
    removed_.push_back(id);
    return {};
  }
  Status confirmed(InodeId inode, const Snapshot* snapshot, const drive::Item& item) override {
    const auto* const frozen = static_cast<const Frozen*>(snapshot);
    const std::lock_guard lock(mutex_);
    confirmed_.push_back(
        {inode, frozen == nullptr ? "" : *frozen->bytes_.text, frozen != nullptr, item});
    if (frozen != nullptr && contents_.contains(inode) &&
        contents_.at(inode).changes != frozen->bytes_.changes) {
      return Error{ErrorCode::kStale, "written to since"};
    }
    return {};
  }
  void settled(InodeId inode) override {
    const std::lock_guard lock(mutex_);
    contents_.erase(inode);
  }
  std::string conflict_name(const std::string& name) override { return cat(name, " (conflict)"); }
  Result<Place> recovery_place(const Context& /*context*/, const std::string& name) override {
    const std::lock_guard lock(mutex_);
    if (recovery_.parent_id.empty()) return Error{ErrorCode::kUnavailable, "no folder", true};
    Place place = recovery_;
    place.name = name;
    return place;
  }
  void set_recovery(InodeId inode, const FileId& id) {
    const std::lock_guard lock(mutex_);
    recovery_ = {inode, id, ""};
    inodes_[id] = inode;
  }
  Status replacing(const Context& /*context*/, InodeId inode) override {
    const std::lock_guard lock(mutex_);
    replaced_.push_back(inode);
    return {};
  }

 private:
  class Frozen final : public Snapshot {
   public:
    Frozen(FakeSide& side, InodeId inode, Dirty bytes)
        : side_(side), inode_(inode), bytes_(std::move(bytes)), state_(state_of(bytes_)) {}
    Bytes size() const override { return bytes_.text->size(); }
    Status read(Bytes offset, std::span<std::byte> buffer) override {
      std::memcpy(buffer.data(), bytes_.text->data() + offset, buffer.size());
      return {};
    }
    const ContentState& state() const override { return state_; }
    bool is_outdated(Bytes /*offset*/) const override {
      const std::lock_guard lock(side_.mutex_);
      const auto found = side_.contents_.find(inode_);
      return found == side_.contents_.end() || found->second.changes != bytes_.changes;
    }

    FakeSide& side_;
    const InodeId inode_;
    const Dirty bytes_;
    const ContentState state_;
  };

  static ContentState state_of(const Dirty& bytes) {
    ContentState state;
    state.number = bytes.number;
    state.size = bytes.text->size();
    state.state = cat("state ", std::to_string(bytes.changes));
    state.copy = bytes.copy;
    return state;
  }

  mutable std::mutex mutex_;
  std::map<InodeId, Dirty> contents_;
  std::map<FileId, InodeId> inodes_;  // of folders
  std::vector<Confirmed> confirmed_;
  std::vector<FileId> removed_;
  std::vector<InodeId> replaced_;
  std::optional<Error> snapshot_error_;
  std::function<void(const drive::Item&)> on_accept_;
  Place recovery_;
  std::uint64_t numbers_ = 0;
  InodeId restless_;
};

}  // namespace driveway::journal
