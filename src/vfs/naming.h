// The operations that change names: create, mkdir, symlink, unlink, rmdir, rename.
//
// Each looks first, asking Drive where it must; then takes its turn, looks again at what is known
// locally, and changes the journal: so of two at a time the second sees what the first did, and
// nobody waits for Drive with the turn. Names are checked here: the journal checks nothing.
//
// * Names are shown names; one that is the shown form of no name (tree/names.h) is refused.
// * A Doc keeps its extension, which is no part of its name in Drive.
// * Behind a folder shortcut the folder itself is changed; what removes or renames a shortcut means
//   the shortcut.
// * What is in .Trash can be moved out of it (restored), and nothing else: Drive empties it. So can
//   what is in lost+found: then it is in a folder.
// * Between drives, and between what others share and My Drive, nothing is moved (kCrossDevice): mv
//   copies then.
//
// Thread-safe. Errors: as Vfs says. Locks: the turn is held over Journal::change() and calls of
// Drafts, so it comes before a Draft's mutex.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/ids.h"
#include "base/result.h"
#include "tree/node.h"
#include "vfs/change_parts.h"
#include "vfs/entry_rows.h"
#include "vfs/vfs.h"

namespace driveway::vfs {

class Naming {
 public:
  explicit Naming(const ChangeParts& parts) : parts_(parts) {}

  struct Made {
    tree::Node node;
    std::shared_ptr<Draft> draft;  // of a file; it has a writer
  };
  Result<Made> create_file(const Context& context, InodeId parent, std::string_view name,
                           const NewNode& attributes);
  Result<tree::Node> make_folder(const Context& context, InodeId parent, std::string_view name,
                                 const NewNode& attributes);
  Result<tree::Node> make_symlink(const Context& context, InodeId parent, std::string_view name,
                                  std::string_view target, const NewNode& attributes);
  Status unlink(const Context& context, InodeId parent, std::string_view name);
  Status remove_folder(const Context& context, InodeId parent, std::string_view name);
  Status rename(const Context& context, InodeId parent, std::string_view name, InodeId new_parent,
                std::string_view new_name, RenameMode mode);

  // Until it goes, no name changes: for other operations on what has a name. Not to be held while
  // Drive is asked.
  std::unique_lock<std::mutex> take_turn() { return std::unique_lock(turn_); }

 private:
  // A name in a folder, and what has it.
  struct Slot {
    tree::Node folder;  // the real one
    std::string name;   // as shown
    std::optional<tree::Node> node;
    bool has_entries = false;  // node is a folder that is not empty
  };
  struct Move {
    Slot from;
    Slot to;
  };
  enum class Use { kAdd, kRemove, kMoveAway };

  Result<Slot> find(const Context& context, InodeId parent, std::string_view name, Use use) const;
  // Runs change(find()) in turn.
  template <typename Find, typename Change>
  auto in_turn(const Context& context, const Find& find, const Change& change)
      -> decltype(change(*find(context)));
  Result<Made> make(const Context& context, const Slot& slot, journal::NewEntry entry,
                    const NewNode& attributes, std::string_view bytes = {});
  Status take_name(const tree::Node& node, const std::function<Status()>& change);
  Status remove_row(const Context& context, const tree::Node& node);
  Status check_move(const Move& move) const;
  static Status check_over(const Move& move);
  Status check_areas(const tree::Node& from, const tree::Node& to) const;
  Status move(const Context& context, const Move& move);
  Status exchange(const Context& context, const Move& move);
  Result<std::string> drive_name(const tree::Node& node, std::string_view shown) const;
  Result<std::vector<InodeId>> above(const tree::Node& moving, const tree::Node& folder) const;
  void tell(InodeId folder, std::string_view name, std::optional<InodeId> child) const;

  const ChangeParts parts_;
  std::mutex turn_;
};

template <typename Find, typename Change>
auto Naming::in_turn(const Context& context, const Find& find, const Change& change)
    -> decltype(change(*find(context))) {
  // A listing may be forgotten at once (one that lags, say): then what was seen before the turn has
  // to do.
  constexpr int kMostLooks = 4;
  for (int looks = 1;; ++looks) {
    auto asked = find(context);
    if (!asked.ok()) return std::move(asked).error();
    const std::lock_guard turn(turn_);
    // What would have to ask Drive ends at once.
    auto found = find(Context{.deadline = parts_.clock.now()});
    if (found.ok()) return change(*found);
    if (!found.failed_with(ErrorCode::kDeadlineExceeded)) return std::move(found).error();
    if (looks == kMostLooks) return change(*asked);
  }
}

}  // namespace driveway::vfs
