// The sender of change_model_test.cc: it looks as the real one does, loses answers, and checks that
// nothing is asked of Drive against the rules.
#pragma once

#include <array>

#include "unit/journal/change_model_remote.h"

namespace driveway::journal {

class ModelSender : public ModelRemote {
 protected:
  explicit ModelSender(Trial& trial) : ModelRemote(trial) {}

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
      note("  send ", in_words(step));
      flying_.push_back(step);
    }
  }

  static std::string in_words(const Step& step) {
    constexpr std::array kNames{"create", "copy", "update", "patch", "trash", "remove"};
    const Sent& sent = step.sent;
    std::ostringstream text;
    text << "#" << sent.ticket << (step.resolve ? " look for " : " ")
         << kNames.at(static_cast<std::size_t>(sent.action)) << " " << step.inode << " id "
         << sent.id << " name " << sent.name.value_or("-") << " in " << sent.parent;
    if (!sent.from.empty()) text << " from " << sent.from;
    if (sent.generation != 0) text << " content " << sent.content.state;
    return text.str();
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
    note("  land ", in_words(step));
    const Error unavailable{ErrorCode::kUnavailable, "cut", true};
    if (!calm_ && below(8) == 0) {
      return handle(step, set_.failed(step, unavailable, below(2) == 0, now_));
    }
    if (step.resolve) return resolve(step);
    if (const auto outcome = look(step)) return handle(step, *outcome);
    if (const auto outcome = refuse(step)) return handle(step, *outcome);
    store_md5(step);
    if (step.sent.action == Action::kUpdate && below(6) == 0) rewrite_theirs(step.sent.id);
    const auto item = drive_.carry_out(step);
    if (!calm_ && below(8) == 0) {  // the answer is lost
      return handle(step, set_.failed(step, unavailable, true, now_));
    }
    if (!item) return resolve(step);
    if (step.sent.action == Action::kRemove) {
      return handle(step, set_.removed(step, now_));
    }
    if (!save_overwritten(step)) return handle(step, set_.failed(step, unavailable, true, now_));
    handle(step, set_.finished(step, *item, parent_of(item->id), now_));
  }

  void resolve(const Step& step) {
    const FileId id = id_of(step);
    const auto item = drive_.get(id);
    const Sent& sent = step.sent;
    const bool is_ours = sent.action == Action::kUpdate && item && item->md5 == sent.md5 &&
                         item->head_revision != sent.base_revision;
    if ((is_ours || sent.overwritten) && !save_overwritten(step)) {
      const Error unavailable{ErrorCode::kUnavailable, "cut", true};
      return handle(step, set_.failed(step, unavailable, true, now_));
    }
    handle(step, set_.resolved(step, item, parent_of(id), now_));
  }

  // J2: where Drive has chosen the id, the item that the operation has made.
  FileId id_of(const Step& step) {
    if (!step.sent.id.empty()) return step.sent.id;
    const auto operation = step.sent.properties.find(std::string(kOperation));
    EXPECT_NE(operation, step.sent.properties.end()) << "J2: neither id nor operation";
    return drive_.made_by(operation->second.value()).value_or(FileId());
  }

  // What Drive does not do: copies, and ids that were made before.
  std::optional<Result<Outcome>> refuse(const Step& step) {
    const bool is_new = step.sent.action == Action::kCreate || step.sent.action == Action::kCopy;
    if (is_new && !step.sent.id.empty() && below(8) == 0) {
      note("    refused: the id");
      return set_.id_refused(step, now_);
    }
    if (step.sent.action != Action::kCopy) return std::nullopt;
    const auto source = drive_.get(step.sent.content.copy->id);
    std::optional<ErrorCode> code;
    if (below(4) == 0) code = ErrorCode::kUnsupported;
    if (!source || source->trashed) {
      code = ErrorCode::kNotFound;
    } else if (source->head_revision != step.sent.content.copy->revision) {
      code = ErrorCode::kStale;
    }
    if (!code) return std::nullopt;
    note("    refused: the copy");
    return set_.failed(step, Error{*code, "no copy", false}, false, now_);
  }

  // J10: in the moment after the look at the head.
  void rewrite_theirs(const FileId& id) {
    if (calm_) return;
    note("    theirs: a content in the last moment");
    touch(id);
    drive_.set_content(drive_.at(id), cat("remote", std::to_string(++names_)));
  }

  // J10, after the fact. False: cut off in the middle of it.
  bool save_overwritten(const Step& sent_step) {
    if (sent_step.sent.action != Action::kUpdate) return true;
    Step step = sent_step;
    Sent& sent = step.sent;
    const TinyDrive::Entry& entry = drive_.at(sent.id);
    if (!sent.overwritten) {
      const auto before = drive_.before_head(entry);
      if (!before || before->first == sent.base_revision) return true;
      sent.overwritten = Overwritten{before->first, new_id()};
      apply(must(set_.overwrote(step, *sent.overwritten)));
    }
    const FileId& id = sent.overwritten->saved_as;
    const std::string theirs = drive_.revision(entry, sent.overwritten->revision);
    note("    saves ", theirs, " as ", id);
    saved_[theirs].insert(id);
    if (!calm_ && below(3) == 0) return false;
    if (!drive_.has(id)) {
      const std::string name = cat("overwritten ", std::to_string(++names_));
      drive_.add(id.value(), kRootId.value(), name, false, theirs);
      foreign_.insert(id);
      unheard_.insert(id);
    }
    return calm_ || below(3) != 0;
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
    if (sent.action == Action::kCreate || sent.action == Action::kCopy) return look_for_name(step);
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
    if (const FileId made = id_of(step); drive_.has(made)) {  // J2
      return set_.resolved(step, drive_.get(made), parent_of(made), now_);
    }
    for (const FileId& id : drive_.named(sent.parent, *sent.name)) {
      if (id == sent.id || is_among(step.beside, id)) continue;
      EXPECT_TRUE(kept_.contains(id) || touched_.contains(id) || foreign_.contains(id))
          << "J9: we made two of " << *sent.name;
      const auto item = drive_.get(id);
      if (item->kind == drive::ItemKind::kFolder && step.kind == item->kind) {
        if (const InodeId shown = inode_of(id); shown != InodeId()) know(shown);
        return set_.adopted(step, *item, parent_of(id), now_);
      }
      const InodeId inode = set_.holder(step)->inode;
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

  std::vector<Step> flying_;
  // Contents of the other client that ours have replaced unseen: the items made of them.
  std::map<std::string, std::set<FileId>> saved_;
  bool calm_ = false;
};

}  // namespace driveway::journal
