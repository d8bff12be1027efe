// What the journal's sender, and the tree, ask of this machine. Private to vfs/.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "journal/journal.h"
#include "journal/sender.h"
#include "tree/own_changes.h"
#include "tree/tree.h"
#include "vfs/drafts.h"
#include "vfs/naming.h"
#include "vfs/open_file.h"
#include "vfs/view.h"
#include "vfs/whole_fetch.h"

namespace driveway::vfs {

// The tree's look at the journal. Thread-safe.
class JournalChanges final : public tree::OwnChanges {
 public:
  // `clock`: what was sent before now was sent by an earlier run.
  JournalChanges(const journal::Journal& journal, const Clock& clock)
      : journal_(journal), begun_(clock.wall_now()) {}
  std::optional<InodeId> inode_of(const FileId& id) const override;
  std::optional<InodeId> maker_of(const drive::Item& item) const override;
  bool wrote(InodeId inode, const drive::Item& item) const override;
  bool removes(const FileId& id) const override;
  bool is_fresh_folder(const FileId& id) const override;

 private:
  const journal::Journal& journal_;
  const WallTime begun_;
};

// Thread-safe.
class LocalParts final : public journal::LocalSide {
 public:
  // The folder of My Drive for what has lost its own (J10).
  static constexpr std::string_view kRecoveryFolder = "driveway-recovered";

  // `naming` makes the recovery folder.
  LocalParts(tree::Tree& tree, View& view, Drafts& drafts, Naming& naming, LocalWrites& writes,
             WholeFetch& fetch, const Clock& clock)
      : tree_(tree),
        view_(view),
        drafts_(drafts),
        naming_(naming),
        writes_(writes),
        fetch_(fetch),
        clock_(clock) {}

  Result<std::unique_ptr<journal::Snapshot>> snapshot(const Context& context,
                                                      InodeId inode) override;
  Result<InodeId> accept(const drive::Item& item) override;
  Status removed(const FileId& id) override;
  Status confirmed(InodeId inode, const journal::Snapshot* snapshot,
                   const drive::Item& item) override;
  Status replacing(const Context& context, InodeId replaced) override;
  void settled(InodeId inode) override;
  std::string conflict_name(const std::string& name) override;
  Result<journal::Place> recovery_place(const Context& context, const std::string& name) override;

 private:
  tree::Tree& tree_;
  View& view_;
  Drafts& drafts_;
  Naming& naming_;
  LocalWrites& writes_;
  WholeFetch& fetch_;
  const Clock& clock_;
};

// "2026-11-26" and "2026-11-26 17.30.05", in UTC: for names.
std::string date_of(WallTime time);
std::string date_and_time_of(WallTime time);

}  // namespace driveway::vfs
