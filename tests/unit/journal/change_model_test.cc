// The change set against a simple model: random operations by a small POSIX tree, a random sender
// with lost answers, failures, crashes and another client in between. In the end Drive must have
// what the tree has, and nothing was ever sent against the rules (J1, J2, J4–J6, J8–J10, data
// before its marker).
//
// Other seeds each time; DRIVEWAY_TEST_SEED repeats one run, DRIVEWAY_TEST_LONG makes many.
#include <cstdlib>

#include "unit/journal/change_model_sender.h"
#include "unit/support/random_runs.h"

namespace driveway::journal {
namespace {

class Model final : public ModelSender {
 public:
  explicit Model(Trial& trial) : ModelSender(trial) {}

  // `operations` and the end.
  void run(std::size_t operations) {
    for (std::size_t i = 0; i < operations && !has_failed(); ++i) {
      trial_.choices.begin_step();
      note("-- ", i, ":");
      now_ += Milliseconds(below(4) == 0 ? below(4'000) : below(300));
      step();
      recover();
      check_flush();
    }
    if (has_failed()) return;
    trial_.choices.begin_step();
    note("-- the end:");
    drain();
    if (!has_failed()) compare();
  }

 private:
  void step() {
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
  }

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

  // --- Crashes.

  void crash() {
    note("  crash");
    flushed_.clear();                   // whoever waited is gone
    for (const Step& step : flying_) {  // some get there still
      if (step.resolve || below(2) == 0 || look_only(step)) continue;
      store_md5(step);
      note("    gets there: ", in_words(step));
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
    if (sent.action == Action::kCreate || sent.action == Action::kCopy) {
      if (!drive_.is_usable_folder(sent.parent) || drive_.has(id_of(step))) return true;
      if (sent.content.copy) {
        const auto source = drive_.get(sent.content.copy->id);
        if (!source || source->head_revision != sent.content.copy->revision) return true;
      }
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
      note("  recover ", inode, " beside as ", beside);
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
    for (int i = 0; i < 3'000 && !has_failed(); ++i) {
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
      int depth = 0;
      for (InodeId up = node.parent; up != kRoot; up = parent_of_node(up, depth++)) {
        path = cat(nodes_.at(up).name, "/", path);
      }
      shown[path] = cat(node.folder ? "folder" : node.content, words_of(node.properties));
    }
    std::map<std::string, std::string> found;
    collect(kRootId, "", found);
    EXPECT_EQ(shown, found);
    for (const auto& [content, items] : saved_) {
      EXPECT_EQ(items.size(), 1U) << "J10: what ours had replaced, " << content;
      EXPECT_TRUE(drive_.has(*items.begin())) << "J10: what ours had replaced, " << content;
    }
  }
  void collect(const FileId& folder, const std::string& prefix,
               std::map<std::string, std::string>& found) {
    for (const FileId& id : drive_.children(folder)) {
      const TinyDrive::Entry& entry = drive_.at(id);
      const bool is_folder = entry.item.kind == drive::ItemKind::kFolder;
      const std::string path = prefix + entry.item.name;
      const std::string what =
          cat(is_folder ? "folder" : entry.content, words_of(entry.item.properties));
      EXPECT_TRUE(found.emplace(path, what).second) << "two of " << path;
      if (is_folder) collect(id, path + "/", found);
    }
  }

  Flush flush_;
  std::map<InodeId, std::string> flushed_;
};

// Fills in the trial's failures and notes.
void make_run(Trial& trial, std::size_t operations) {
  const testing::ScopedFakeTestPartResultReporter intercept(
      testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &trial.failures);
  try {
    Model(trial).run(operations);
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

std::string place_of_failure(const Trial& trial) {
  if (trial.failures.size() == 0) return "";
  const testing::TestPartResult& first = trial.failures.GetTestPartResult(0);
  return cat(first.file_name() == nullptr ? "" : first.file_name(), ":",
             std::to_string(first.line_number()));
}

// The shortest run that fails in the same place.
void report(const Trial& failed) {
  const std::string place = place_of_failure(failed);
  Choices::Script script = failed.choices.script();
  while (script.size() < 2) script.emplace_back();
  script = shrink(std::move(script), [&](const Choices::Script& shorter) {
    Trial trial{Choices(shorter)};
    make_run(trial, shorter.size() - 2);
    return place_of_failure(trial) == place;
  });
  Trial shrunk{Choices(script)};
  make_run(shrunk, script.size() - 2);
  const Trial& shown = shrunk.failures.size() > 0 ? shrunk : failed;
  std::string text;
  for (const std::string& note : shown.notes) text += note + "\n";
  for (int i = 0; i < shown.failures.size(); ++i) {
    text += cat(shown.failures.GetTestPartResult(i).summary(), "\n");
  }
  ADD_FAILURE() << "shrunk to:\n" << text;
}

std::uint32_t number_from(const char* variable, std::uint32_t otherwise) {
  const char* const given = std::getenv(variable);
  return given == nullptr ? otherwise : static_cast<std::uint32_t>(parse_uint(given).value_or(0));
}

TEST(ChangeModel, DriveBecomesWhatTheTreeIs) {
  const bool is_given = std::getenv("DRIVEWAY_TEST_SEED") != nullptr;
  const bool is_long = std::getenv("DRIVEWAY_TEST_LONG") != nullptr;
  const std::uint32_t runs = number_from("DRIVEWAY_TEST_RUNS", is_given ? 1 : is_long ? 5'000 : 60);
  const std::uint32_t first = first_seed();
  const std::uint32_t operations = number_from("DRIVEWAY_TEST_OPERATIONS", 0);
  for (std::uint32_t seed = first; seed < first + runs && !HasFailure(); ++seed) {
    SCOPED_TRACE(cat("DRIVEWAY_TEST_SEED=", std::to_string(seed)));
    Trial trial{Choices(seed)};
    make_run(trial, operations != 0 ? operations : seed % 4 == 0 ? 400 : 100);
    if (trial.failures.size() > 0) report(trial);
  }
}

}  // namespace
}  // namespace driveway::journal
