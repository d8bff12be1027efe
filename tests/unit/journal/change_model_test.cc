// The change set against a simple model: random operations by a small POSIX tree, a random sender
// with lost answers, failures, crashes and another client in between. In the end Drive must have
// what the tree has, and nothing was ever sent against the rules (J1, J2, J4–J6, J8–J10, data
// before its marker).
//
// Other seeds each time; DRIVEWAY_TEST_SEED repeats one run, DRIVEWAY_TEST_LONG makes many.
#include "unit/journal/change_model.h"

#include <cstdlib>

namespace driveway::journal {
namespace {

class Model final : public ModelTree {
 public:
  explicit Model(std::uint32_t seed) : ModelTree(seed) {}

  void run(int operations) {
    for (int i = 0; i < operations && !testing::Test::HasFailure(); ++i) {
      now_ += Milliseconds(below(4) == 0 ? below(4'000) : below(300));
      const std::uint32_t what = below(14);
      if (what < 6) {
        operate();
      } else if (what < 9) {
        send(1 + below(3));
      } else if (what < 11) {
        land();
      } else if (what == 11) {
        remote();
      } else if (what == 12) {
        poll();
      } else {
        apply(set_.forget(now_));
        if (below(4) == 0) flush();
        if (below(4) == 0) crash();
      }
      recover();
      check_flush();
    }
    if (testing::Test::HasFailure()) return;
    drain();
    if (!testing::Test::HasFailure()) compare();
  }

 private:
  // --- Flush.

  // J5: it waits for what each file has now.
  void flush() {
    flush_ = set_.raise_all();
    flushed_.clear();
    for (const Flush::Goal& goal : flush_.goals) {
      if (goal.generation != 0 && nodes_.contains(goal.inode)) {
        flushed_[goal.inode] = nodes_.at(goal.inode).content;
      }
    }
  }
  void check_flush() {
    for (const auto& [inode, content] : flushed_) {
      if (!set_.progress(flush_).done()) return;
      const auto node = nodes_.find(inode);
      if (node == nodes_.end() || node->second.content != content) continue;  // a later one counts
      EXPECT_TRUE(drive_.had(content)) << "J5: a flush ended before Drive had " << content;
    }
    flushed_.clear();
  }

  // --- The sender.

  void send(std::size_t most) {
    Plan plan = set_.next(now_, {.steps = most});
    for (Step& step : plan.steps) {
      if (!step.resolve) check(step);
      const FileId id = step.sent.id.empty() ? new_id() : FileId();
      const bool early = below(2) == 0;
      const auto rows = set_.began(step, {id, early ? md5_of(step.sent.content.state) : ""}, now_);
      if (rows.failed_with(ErrorCode::kStale)) continue;  // by a step before it
      ASSERT_TRUE(rows.ok()) << rows.error().to_string();
      apply(*rows);
      flying_.push_back(step);
    }
  }

  void check(const Step& step) {
    const Sent& sent = step.sent;
    if (sent.generation == 0 || !nodes_.contains(step.inode)) return;
    const Node& node = nodes_.at(step.inode);
    if (sent.action == Action::kUpdate && !step.raised) {
      EXPECT_EQ(node.writers, 0) << "J4";
    }
    for (const auto& [inode, period] : periods_) {
      const Node& data = nodes_.at(inode);
      if (inode == step.inode || data.parent != node.parent || data.writers > 0) continue;
      if (recovering_.contains(inode) || period.closed == 0) continue;
      if (is_out_of_sight(inode) || is_out_of_sight(step.inode)) continue;
      if (ratio_ != 0 && data.content.size() / ratio_ <= node.content.size()) continue;
      EXPECT_GE(period.closed, periods_.at(step.inode).began)
          << "data before its marker: " << node.name << " (inode " << step.inode << ") before "
          << data.name << " (inode " << inode << ")";
    }
  }

  void land() {
    if (flying_.empty()) return;
    const std::size_t which = below(static_cast<std::uint32_t>(flying_.size()));
    const Step step = flying_[which];
    flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(which));
    land(step);
  }

  void land(const Step& step) {
    const Error unavailable{ErrorCode::kUnavailable, "cut", true};
    if (!calm_ && below(8) == 0) {
      return handle(step, set_.failed(step, unavailable, below(2) == 0, now_));
    }
    if (step.resolve)
      return handle(step,
                    set_.resolved(step, drive_.get(step.sent.id), parent_of(step.sent.id), now_));
    if (const auto outcome = look(step)) return handle(step, *outcome);
    store_md5(step);
    const auto item = drive_.carry_out(step);
    if (!calm_ && below(8) == 0) {  // the answer is lost
      return handle(step, set_.failed(step, unavailable, true, now_));
    }
    if (!item)
      return handle(step,
                    set_.resolved(step, drive_.get(step.sent.id), parent_of(step.sent.id), now_));
    if (step.sent.action == Action::kRemove) {
      return handle(step, set_.removed(step, now_));
    }
    handle(step, set_.finished(step, *item, parent_of(item->id), now_));
  }

  // J2: before the last byte leaves.
  void store_md5(const Step& step) {
    if (!step.sent.md5.empty() || step.sent.generation == 0) return;
    const Secret session("https://upload/" + std::to_string(step.sent.ticket));
    apply(must(set_.uploading(step, session, 1, md5_of(step.sent.content.state))));
  }

  // What a sender looks at before it changes something.
  std::optional<Result<Outcome>> look(const Step& step) {
    const Sent& sent = step.sent;
    if (!sent.parent.empty() && !drive_.is_usable_folder(sent.parent)) {
      const Error gone{ErrorCode::kNotFound, "the folder is gone", true};
      Result<Outcome> outcome = set_.failed(step, gone, false, now_);
      hear(sent.parent);
      return outcome;
    }
    if (sent.action == Action::kCreate) return look_for_name(step);
    const auto item = drive_.get(sent.id);
    if (!item || (item->trashed && sent.action != Action::kTrash)) {
      return set_.resolved(step, item, parent_of(sent.id), now_);
    }
    if (sent.action == Action::kUpdate && item->head_revision != sent.base_revision) {
      return set_.resolved(step, item, parent_of(sent.id), now_);
    }
    if (sent.action == Action::kTrash && step.kind == drive::ItemKind::kFolder) {
      if (const auto kept = unexpected_in(sent.id, step.takes_along)) {
        return set_.listing_differs(step, *kept, now_);
      }
    }
    if (sent.name || !sent.from.empty() || sent.restored) expect_no_twin(step, *item);
    return std::nullopt;
  }

  std::optional<Result<Outcome>> look_for_name(const Step& step) {
    const Sent& sent = step.sent;
    for (const FileId& id : drive_.named(sent.parent, *sent.name)) {
      if (id == sent.id || is_among(step.beside, id)) continue;
      EXPECT_TRUE(kept_.contains(id) || touched_.contains(id) || foreign_.contains(id))
          << "J9: we made two of " << *sent.name;
      const auto item = drive_.get(id);
      if (item->kind == drive::ItemKind::kFolder && step.kind == item->kind) {
        if (const InodeId shown = inode_of(id); shown != InodeId()) know(shown);
        return set_.adopted(step, *item, parent_of(id), now_);
      }
      const InodeId inode = set_.find_id(sent.id);
      const std::string name = cat("conflict ", std::to_string(++names_));
      Result<Rows> rows = set_.conflict(inode, name, now_);
      if (!rows.ok()) return Result<Outcome>(rows.error());
      if (nodes_.contains(inode)) nodes_.at(inode).name = name;
      return Result<Outcome>(Outcome{*rows, Verdict::kAgain, inode});
    }
    return std::nullopt;
  }

  void expect_no_twin(const Step& step, const drive::Item& item) {
    const Sent& sent = step.sent;
    const FileId parent = sent.from.empty() ? *item.parent : sent.parent;
    for (const FileId& id : drive_.named(parent, sent.name.value_or(item.name))) {
      if (id != sent.id && !kept_.contains(id) && !touched_.contains(sent.id) &&
          !touched_.contains(id) && !foreign_.contains(id)) {
        EXPECT_TRUE(is_among(step.beside, id))
            << "two of " << sent.name.value_or(item.name) << ": " << id << " and " << sent.id;
      }
    }
  }

  // J8: the folder that holds what is not among `expected`.
  std::optional<FileId> unexpected_in(const FileId& folder, const std::vector<FileId>& expected) {
    for (const FileId& id : drive_.children(folder)) {
      if (!is_among(expected, id)) {
        EXPECT_TRUE(foreign_.contains(id) || touched_.contains(id) || kept_.contains(id))
            << "J8: the trash of a folder would take " << id.value() << " "
            << drive_.at(id).item.name << " inode " << inode_of(id) << " row " << set_.find_id(id)
            << (set_.find_id(id) != InodeId()
                    ? cat(" deleted ", std::to_string(set_.find(set_.find_id(id))->wanted.deleted),
                          " present ", std::to_string(set_.find(set_.find_id(id))->present()),
                          " parent ", set_.find(set_.find_id(id))->known.parent.value(), " in ",
                          folder.value(), " sent ",
                          std::to_string(set_.find(set_.find_id(id))->sent.has_value()))
                    : "");
        return folder;
      }
      if (const auto deeper = unexpected_in(id, expected)) return deeper;
    }
    return std::nullopt;
  }

  static bool is_among(const std::vector<FileId>& ids, const FileId& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  }

  void handle(const Step& step, const Result<Outcome>& result) {
    ASSERT_TRUE(result.ok()) << result.error().to_string();
    const Outcome& outcome = *result;
    apply(outcome.rows);
    const InodeId inode = outcome.inode;
    if (const auto period = periods_.find(inode);
        period != periods_.end() && step.sent.content.number == nodes_.at(inode).number) {
      const Change* const change = set_.find(inode);
      if (outcome.verdict == Verdict::kUploaded) {
        periods_.erase(period);
        nodes_.at(inode).unclosed = false;
      } else if (change != nullptr && change->confirmed_generation == step.sent.generation &&
                 step.sent.generation != 0) {
        period->second.began = period->second.written;
        const Node& node = nodes_.at(inode);
        const bool closed = node.writers == 0 && !node.unclosed;
        period->second.closed = closed ? period->second.written : 0;
      }
    }
    settle(outcome);
    if (step.sent.action == Action::kTrash && outcome.verdict == Verdict::kAgain) revive(outcome);
    merge_adopted(outcome);
  }

  // What a verdict means for the tree.
  void settle(const Outcome& outcome) {
    const InodeId inode = outcome.inode;
    if (!nodes_.contains(inode)) return;
    if (outcome.verdict == Verdict::kGone) return erase_all(inode);
    if (outcome.verdict == Verdict::kConflict) {
      sync(inode);
      const FileId id = set_.find(inode)->known.id;
      nodes_.at(inode).name = cat("conflict ", std::to_string(++names_));
      apply(must(set_.conflict(inode, nodes_.at(inode).name, now_)));
      nodes_.at(inode).id = FileId();
      keep_in_sight(inode);
      return show(id, InodeId(next_inode_++));
    }
    sync(inode);
    keep_in_sight(inode);
  }

  // What is to be made anew from an item whose folder is shown nowhere stays where that was shown.
  void keep_in_sight(InodeId inode) {
    const Node& node = nodes_.at(inode);
    const Change* const change = set_.find(inode);
    if (change == nullptr || change->known.exists || change->parent() != InodeId()) return;
    apply(must(set_.rename(inode, place(node.parent, node.name), now_)));
  }

  // With what it shows in it: none of that is wanted.
  void erase_all(InodeId inode) {
    for (const auto& [child, node] : std::map(nodes_)) {
      if (node.parent == inode) erase_all(child);
    }
    erase(inode);
  }

  // The tree shows of an item what Drive said, where the change set wants nothing else.
  void sync(InodeId inode) {
    take_from_drive(inode);
    const Node& node = nodes_.at(inode);
    const bool taken = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      return entry.first != inode && entry.second.parent == node.parent &&
             entry.second.name == node.name;
    });
    if (taken) set_aside(inode);
  }
  // It gets a name of its own.
  void set_aside(InodeId inode) {
    nodes_[inode].name = cat("kept ", std::to_string(++names_));
    know(inode);
    apply(must(set_.rename(inode, place(nodes_[inode].parent, nodes_[inode].name), now_)));
  }
  void take_from_drive(InodeId inode) {
    Node& node = nodes_.at(inode);
    const Change* const change = set_.find(inode);
    if (change == nullptr) {
      const auto item = drive_.get(node.id);
      if (!item || item->trashed) return;
      node.name = item->name;
      node.parent = parent_of(node.id);
      node.content = drive_.at(node.id).content;
      heard_.erase(node.id);
      return;
    }
    if (!change->known.exists) return;
    if (!change->wanted.name) node.name = change->known.name;
    if (!change->wanted.parent) {
      const InodeId parent = inode_of(change->known.parent);
      if (parent != InodeId()) node.parent = parent;
    }
    heard_.erase(change->known.id);
    if (node.folder || change->wanted.content || change->sent) return;
    if (drive_.has(change->known.id)) node.content = drive_.at(change->known.id).content;
  }

  // An item that the tree did not have (any more).
  void show(const FileId& id, InodeId inode) {
    const auto item = drive_.get(id);
    if (!item || item->trashed) return;
    const InodeId parent = inode_of(item->parent.value_or(FileId()));
    if (parent == InodeId()) return;
    kept_.insert(id);
    const bool taken = lookup(parent, item->name) != InodeId();
    Node node{parent, item->name, item->kind == drive::ItemKind::kFolder, drive_.at(id).content,
              "",     id};
    const auto mode = item->properties.find("driveway.mode");
    if (mode != item->properties.end()) node.mode = mode->second;
    nodes_[inode] = node;
    unheard_.erase(id);
    heard_.erase(id);
    graveyard_.erase(inode);
    if (taken) set_aside(inode);
    for (const FileId& child : drive_.children(id)) {  // as its listing shows
      const InodeId known = set_.find_id(child);
      if (inode_of(child) != InodeId()) continue;
      if (known == InodeId()) {
        show(child, InodeId(next_inode_++));
      } else if (!set_.find(known)->wanted.deleted) {
        show(child, known);
      }
    }
  }

  void revive(const Outcome& outcome) {
    std::vector<std::pair<InodeId, FileId>> folders;
    for (const auto& [inode, row] : outcome.rows.changed) {
      const auto dead = graveyard_.find(inode);
      if (dead == graveyard_.end() || (row && row->wanted.deleted)) continue;
      kept_.insert(dead->second);
      folders.emplace_back(inode, dead->second);
    }
    for (const auto& [inode, id] : folders) {  // the uppermost brings the others
      if (!nodes_.contains(inode)) show(id, inode);
    }
  }

  // Two inodes of one folder have become one.
  void merge_adopted(const Outcome& outcome) {
    for (const auto& [other, row] : outcome.rows.changed) {
      if (row || !nodes_.contains(other) || nodes_.at(other).id.empty()) continue;
      const FileId id = nodes_.at(other).id;
      const InodeId inode = outcome.inode;
      if (inode == other || !nodes_.contains(inode) || nodes_.at(inode).id != id) continue;
      for (auto& [each, node] : nodes_) {
        if (node.parent == other) node.parent = inode;
      }
      erase(other);
    }
  }

  InodeId inode_of(const FileId& id) {
    if (id == kRootId) return kRoot;
    for (const auto& [inode, node] : nodes_) {
      if (node.id == id) return inode;
    }
    return {};
  }

  InodeId parent_of(const FileId& id) {
    const auto item = drive_.get(id);
    return item && item->parent ? inode_of(*item->parent) : InodeId();
  }

  // --- The other client.

  void remote() {
    std::vector<FileId> files;
    std::vector<FileId> folders;
    for (const auto& [id, entry] : drive_.entries()) {
      if (drive_.is_trashed(id)) continue;
      (entry.item.kind == drive::ItemKind::kFolder ? folders : files).push_back(id);
    }
    const FileId folder = folders[below(static_cast<std::uint32_t>(folders.size()))];
    const std::uint32_t what = below(7);
    if (what == 0 || files.empty()) {
      const FileId id(cat("foreign", std::to_string(++names_)));
      std::string name = cat("r", std::to_string(names_));
      const std::string wanted(1, static_cast<char>('a' + below(5)));  // J9: as here
      if (below(2) == 0 && drive_.named(folder, wanted).empty()) name = wanted;
      drive_.add(id.value(), folder.value(), name, name == wanted && below(3) != 0, id.value());
      foreign_.insert(id);
      unheard_.insert(id);
      return;
    }
    FileId id = files[below(static_cast<std::uint32_t>(files.size()))];
    if (what == 6) {
      if (folder == kRootId || !drive_.children(folder).empty()) return;
      id = folder;
    }
    if (!unheard_.contains(id)) heard_[id] = *drive_.get(id);
    unheard_.insert(id);
    touched_.insert(id);
    TinyDrive::Entry& entry = drive_.at(id);
    if (what < 3) {
      drive_.set_content(entry, cat("remote", std::to_string(++names_)));
    } else if (what == 3) {
      entry.item.name = cat("r", std::to_string(++names_));
    } else if (what == 4) {
      entry.item.parent = folder;
      entry.item.name = cat("r", std::to_string(++names_));
    } else {
      entry.item.trashed = true;
    }
    drive_.changed(entry);
  }

  void poll() {
    for (const FileId& id : std::set(unheard_)) hear(id);
    for (const auto& [inode, node] : std::map(nodes_)) {
      if (const auto item = drive_.get(node.id)) apply(set_.echoed(node.id, item->version));
    }
  }

  void hear(const FileId& id) {
    const auto item = drive_.get(id);
    InodeId inode = inode_of(id);
    if (inode == InodeId()) inode = set_.find_id(id);
    if (inode == InodeId()) {
      unheard_.erase(id);
      if (item && !item->trashed) {
        unheard_.insert(id);  // its folder may be shown later
        show(id, InodeId(next_inode_++));
      }
      return;
    }
    if (recovering_.contains(inode)) return;
    InodeId parent;
    if (item && !item->trashed) {
      parent = inode_of(item->parent.value_or(FileId()));
      if (parent == InodeId()) return;  // its folder is not shown: later
    }
    if (nodes_.contains(inode)) know(inode);
    if (!item || item->trashed) know_folders_below(inode);
    const auto outcome = set_.remote_changed(inode, item, parent, now_);
    ASSERT_TRUE(outcome.ok()) << outcome.error().to_string();
    if (outcome->verdict == Verdict::kLater) return;
    unheard_.erase(id);
    apply(outcome->rows);
    settle(*outcome);
    const Change* const row = set_.find(inode);
    if (!nodes_.contains(inode) && row != nullptr && !row->wanted.deleted) show(id, inode);
  }
  void know_folders_below(InodeId folder) {
    for (const auto& [inode, node] : nodes_) {
      if (node.parent != folder || !node.folder) continue;
      know(inode);
      know_folders_below(inode);
    }
  }

  // --- Crashes.

  void crash() {
    flushed_.clear();                   // whoever waited is gone
    for (const Step& step : flying_) {  // some get there still
      if (step.resolve || below(2) == 0 || look_only(step)) continue;
      store_md5(step);
      (void)drive_.carry_out(step);
    }
    flying_.clear();
    std::vector<Change> rows;
    for (const auto& [inode, bytes] : rows_) rows.push_back(must(decode_change(bytes)));
    set_ = ChangeSet(options_);
    must_ok(set_.load(std::move(rows), now_));
    const auto unclosed = set_.unclosed();
    recovering_.insert(unclosed.begin(), unclosed.end());
    for (auto& [inode, node] : nodes_) {
      EXPECT_EQ(node.unclosed, recovering_.contains(inode)) << "J4: " << node.name;
      node.writers = 0;
      const auto period = periods_.find(inode);
      if (period == periods_.end() || recovering_.contains(inode)) continue;
      if (period->second.closed == 0) period->second.closed = ++clock_;
    }
  }

  // Whether the sender would have found something else than it expects.
  bool look_only(const Step& step) {
    const Sent& sent = step.sent;
    if (sent.action == Action::kCreate) {
      if (!drive_.is_usable_folder(sent.parent) || drive_.has(sent.id)) return true;
      return drive_.named(sent.parent, *sent.name).size() > 0;
    }
    const auto item = drive_.get(sent.id);
    if (!item || item->trashed) return true;
    if (sent.action == Action::kUpdate && item->head_revision != sent.base_revision) return true;
    if (!sent.parent.empty() && !drive_.is_usable_folder(sent.parent)) return true;
    return sent.action == Action::kTrash && !drive_.children(sent.id).empty();
  }

  void recover() {
    for (const InodeId inode : std::set(recovering_)) {
      const InodeId beside(next_inode_++);
      const auto rows = set_.recover(inode, beside, std::to_string(++names_), now_);
      if (rows.failed_with(ErrorCode::kBusy)) continue;
      recovering_.erase(inode);
      if (!nodes_.contains(inode)) continue;
      Node& node = nodes_.at(inode);
      node.unclosed = false;
      if (!rows.ok()) continue;  // it was uploaded after all
      apply(*rows);
      const auto saved = rows->changed.find(beside);
      if (const auto period = periods_.find(inode);
          period != periods_.end() && period->second.closed == 0) {
        period->second.closed = ++clock_;
      }
      if (saved == rows->changed.end()) {
        node.name = set_.find(inode)->name();
        continue;
      }
      nodes_[beside] = node;
      nodes_[beside].name = *saved->second->wanted.name;
      nodes_[beside].id = FileId();
      node.number = ++numbers_;
      node.content = drive_.has(node.id) ? drive_.at(node.id).content : "";
      keep_in_sight(beside);
      if (const auto period = periods_.find(inode); period != periods_.end()) {
        periods_[beside] = period->second;
        periods_.erase(inode);
      }
    }
  }

  // --- The end.

  void drain() {
    calm_ = true;
    for (auto& [inode, node] : nodes_) {
      while (node.writers > 0) close(inode);
    }
    for (int i = 0; i < 3'000 && !testing::Test::HasFailure(); ++i) {
      while (!flying_.empty()) land();
      recover();
      poll();
      if (set_.dirty().empty() && recovering_.empty()) return;
      send(8);
      if (flying_.empty()) {
        const Plan plan = set_.next(now_, {.steps = 8});
        if (plan.steps.empty()) now_ = std::max(now_ + Milliseconds(1), plan.wake.value_or(now_));
      }
    }
    for (const InodeId inode : set_.dirty()) {
      const Change& change = *set_.find(inode);
      const Waiting wait = set_.waiting(inode, now_);
      ADD_FAILURE() << "never sent: " << inode << " " << change.name() << " deleted "
                    << change.wanted.deleted << " waits " << static_cast<int>(wait.wait) << " on "
                    << wait.on;
    }
  }

  void compare() {
    std::map<std::string, std::string> shown;
    for (const auto& [inode, node] : nodes_) {
      std::string path = node.name;
      for (InodeId up = node.parent; up != kRoot; up = nodes_.at(up).parent) {
        path = cat(nodes_.at(up).name, "/", path);
      }
      shown[path] = node.folder ? "folder " + node.mode : cat(node.content, " ", node.mode);
    }
    std::map<std::string, std::string> found;
    collect(kRootId, "", found);
    EXPECT_EQ(shown, found);
  }
  void collect(const FileId& folder, const std::string& prefix,
               std::map<std::string, std::string>& found) {
    for (const FileId& id : drive_.children(folder)) {
      const TinyDrive::Entry& entry = drive_.at(id);
      const auto mode = entry.item.properties.find("driveway.mode");
      const std::string text = mode == entry.item.properties.end() ? "" : mode->second;
      const bool is_folder = entry.item.kind == drive::ItemKind::kFolder;
      const std::string path = prefix + entry.item.name;
      EXPECT_TRUE(
          found.emplace(path, is_folder ? "folder " + text : cat(entry.content, " ", text)).second)
          << "two of " << path;
      if (is_folder) collect(id, path + "/", found);
    }
  }

  std::vector<Step> flying_;
  Flush flush_;
  std::map<InodeId, std::string> flushed_;
  std::set<FileId> kept_;     // theirs, at a name that may be wanted here
  std::set<FileId> touched_;  // by the other client
  int names_ = 0;
  bool calm_ = false;
};

TEST(ChangeModel, DriveBecomesWhatTheTreeIs) {
  const char* const given = std::getenv("DRIVEWAY_TEST_SEED");
  const std::uint32_t some = std::getenv("DRIVEWAY_TEST_LONG") != nullptr ? 5'000 : 60;
  const std::uint32_t runs = given != nullptr ? 1 : some;
  const std::uint32_t first = given != nullptr
                                  ? static_cast<std::uint32_t>(parse_uint(given).value_or(0))
                                  : static_cast<std::uint32_t>(std::random_device{}());
  for (std::uint32_t i = 0; i < runs && !HasFailure(); ++i) {
    SCOPED_TRACE(cat("DRIVEWAY_TEST_SEED=", std::to_string(first + i)));
    Model model(first + i);
    model.run((first + i) % 4 == 0 ? 400 : 100);
  }
}

}  // namespace
}  // namespace driveway::journal
