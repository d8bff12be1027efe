// Taking back what could not be kept.
#include "journal/change_set.h"

namespace driveway::journal {

void ChangeSet::begin() {
  before_.clear();
  notes_ = true;
  remembered_.begin();
}

void ChangeSet::keep() {
  before_.clear();
  notes_ = false;
  remembered_.keep();
}

// To be called before anything of the inode becomes another.
void ChangeSet::note(InodeId inode) {
  if (!notes_) return;
  const auto [noted, is_first] = before_.try_emplace(inode);
  if (!is_first) return;
  Before& before = noted->second;
  if (const Change* const row = find(inode)) before.row = *row;
  before.writers = writers(inode);
  before.unclosed = unclosed_.contains(inode);
  if (const auto raised = raised_.find(inode); raised != raised_.end()) {
    before.raised = raised->second;
  }
}

void ChangeSet::undo() {
  notes_ = false;
  remembered_.undo();
  std::vector<std::uint64_t> begun;  // tickets
  // All go before any comes back: ids, names and tickets may have gone from one to another.
  for (const auto& [inode, before] : before_) {
    const auto found = changes_.find(inode);
    if (found == changes_.end()) continue;
    unindex(found->second);
    if (const auto& sent = found->second.sent;
        sent && (!before.row || !before.row->sent || before.row->sent->ticket != sent->ticket)) {
      begun.push_back(sent->ticket);
    }
    changes_.erase(found);
  }
  for (const std::uint64_t ticket : begun) in_flight_.erase(ticket);
  for (auto& [inode, before] : before_) {
    writers_.erase(inode);
    unclosed_.erase(inode);
    if (before.writers > 0) writers_[inode] = before.writers;
    if (before.unclosed) unclosed_.insert(inode);
    if (before.raised) raised_[inode] = *before.raised;
    if (before.row) insert(*std::move(before.row));
  }
  before_.clear();
}

}  // namespace driveway::journal
