// `driveway import-gdfuse`: what google-drive-ocamlfuse has not sent.

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/daemons.h"
#include "cli/gdfuse_cache.h"
#include "cli/interrupt.h"
#include "cli/mount_plan.h"
#include "cli/progress.h"
#include "control/wording.h"
#include "rescue/rescue.h"
#include "rescue/safe_path.h"

namespace driveway::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using rescue::UnsentFile;

// Below that a file is told when it is there, not while it comes.
constexpr Bytes kWorthProgress = 64 * kMiB;

// What became of the files.
enum class Fate { kFound, kRescued, kThere, kLost, kFailed };
constexpr std::size_t kFates = 5;

// In the document.
const char* name_of(Fate fate) {
  constexpr const char* kNames[kFates] = {"found", "rescued", "already_there", "lost", "failed"};
  return kNames[static_cast<std::size_t>(fate)];
}

// The daemon that has the account's mount: as open_view() finds it, but with one mount and no
// account on the line that one.
Result<control::Daemon> daemon_of(const Settings& settings, Clock& clock) {
  auto daemons = running_daemons(clock);
  const auto is_ending = [](const control::Daemon& daemon) { return daemon.mountpoints.empty(); };
  daemons.erase(std::remove_if(daemons.begin(), daemons.end(), is_ending), daemons.end());
  if (daemons.size() == 1 && !names_account(settings)) return std::move(daemons.front());
  DRIVEWAY_TRY(const MountPlan plan, plan_vfs(settings));
  const auto found = std::find_if(daemons.begin(), daemons.end(), [&](const auto& daemon) {
    return daemon.account == plan.account && daemon.cache_dir == plan.cache_dir.string();
  });
  if (found != daemons.end()) return *found;
  return Error{ErrorCode::kNotFound,
               cat(daemons.empty() ? "no Drive is mounted" : "this account is not mounted",
                   ": run `driveway mount MOUNTPOINT` first, or copy to a folder with --to DIR")};
}

// Where in My Drive the files of `label` go.
Result<fs::path> place_in_drive(const std::string& label, const Settings& settings, Clock& clock) {
  DRIVEWAY_TRY(const control::Daemon daemon, daemon_of(settings, clock));
  fs::path place = daemon.mountpoints.front();
  if (daemon.layout != "root") place /= "MyDrive";
  const std::vector<std::string> names = rescue::safe_names(cat("gdfuse-", label));
  return place / "driveway-recovered" / rescue::joined(names);
}

// Tells what becomes of each file, and of all.
class Telling {
 public:
  Telling(const ImportGdfuseArguments& arguments, const std::vector<UnsentFile>& files,
          Clock& clock)
      : arguments_(arguments), progress_(Progress::style_for(arguments.as_json), clock, std::cerr) {
    for (const UnsentFile& file : files) {
      if (file.content != UnsentFile::Content::kThere) continue;
      all_.files += 1;
      all_.bytes += file.size;
    }
  }
  ~Telling() { progress_.end(); }

  // What there is to copy: "2 files, 3 MiB,".
  std::string waiting() const {
    return cat(control::counted(all_.files, "file"), ", ", format_size(all_.bytes), ",");
  }

  void copied(const UnsentFile& file, Bytes bytes) {
    done_.bytes += bytes;
    if (file.size >= kWorthProgress) progress_.show(done_, all_);
  }

  // `place`: where it is now, or would be.
  void tell(const UnsentFile& file, Fate fate, const std::string& place, const Error* why) {
    progress_.end();
    const auto index = static_cast<std::size_t>(fate);
    files_[index] += 1;
    bytes_[index] += file.size;
    if (fate == Fate::kRescued || fate == Fate::kThere) done_.files += 1;
    const std::string path = rescue::joined(file.path);
    document_.push_back({{"path", path},
                         {"state", name_of(fate)},
                         {"content", file.content_name.empty() ? json() : json(valid(file))},
                         {"size", fate == Fate::kLost ? json() : json(file.size)},
                         {"file", place.empty() ? json() : json(place)},
                         {"message", why == nullptr ? json() : json(why->to_string())}});
    if (arguments_.as_json) return;
    if (why != nullptr) {
      report(wrap(*why, path));
      return;
    }
    std::cout << line(file, fate, path, place) << std::endl;
  }

  std::uint64_t count(Fate fate) const { return files_[static_cast<std::size_t>(fate)]; }
  Bytes bytes(Fate fate) const { return bytes_[static_cast<std::size_t>(fate)]; }
  const json& document() const { return document_; }

 private:
  static std::string valid(const UnsentFile& file) {
    return rescue::joined(rescue::safe_names(file.content_name));
  }

  static std::string line(const UnsentFile& file, Fate fate, const std::string& path,
                          const std::string& place) {
    const std::string shown = path.empty() ? "a file whose name the database does not know" : path;
    if (fate == Fate::kLost) return cat(shown, ": lost, its content is not in the cache any more");
    std::string text = cat(shown, " (", format_size(file.size), ")");
    if (fate == Fate::kThere) text += ", already there";
    const std::string name = fs::path(place).filename();
    if (!place.empty() && name != file.path.back()) text += cat(", as ", name);
    return text;
  }

  const ImportGdfuseArguments& arguments_;
  Progress progress_;
  Amount all_;
  Amount done_;
  std::array<std::uint64_t, kFates> files_{};
  std::array<Bytes, kFates> bytes_{};
  json document_ = json::array();
};

class Import {
 public:
  Import(const Settings& settings, const ImportGdfuseArguments& arguments, const Context& context,
         Clock& clock)
      : settings_(settings), arguments_(arguments), context_(context), clock_(clock) {}

  ExitStatus run() {
    const Status done = work();
    if (arguments_.as_json) print_document(done);
    if (!done.ok()) return report(done.error());
    if (!arguments_.as_json) print_summary();
    return count(Fate::kFailed) > 0 ? ExitStatus::kPartly : ExitStatus::kDone;
  }

 private:
  Status work() {
    const auth::GdfusePlace place{.label = arguments_.label, .config = arguments_.config};
    DRIVEWAY_TRY(cache_, find_gdfuse_cache(place, auth::Environment::from_process()));
    auto files = rescue::read_unsent(cache_);
    if (files.failed_with(ErrorCode::kCorrupt)) return unreadable(files.error());
    DRIVEWAY_TRY(files_, std::move(files));
    telling_.emplace(arguments_, files_, clock_);
    const bool any = std::any_of(files_.begin(), files_.end(), is_there);
    if (!arguments_.to.empty()) {
      std::error_code failed;
      target_ = fs::absolute(arguments_.to, failed).lexically_normal();
      if (failed) return errno_error(failed.value(), arguments_.to);
    } else if (any) {
      auto target = place_in_drive(arguments_.label, settings_, clock_);
      if (!target.ok() && !arguments_.dry_run) {
        return wrap(target.error(), cat(telling_->waiting(), " never went to Drive"));
      }
      if (target.ok()) target_ = *std::move(target);
    }
    if (any && !arguments_.dry_run) return copy_all();
    for (const UnsentFile& file : files_) tell_found(file);
    return {};
  }

  static bool is_there(const UnsentFile& file) {
    return file.content == UnsentFile::Content::kThere;
  }

  Error unreadable(const Error& error) const {
    return wrap(error,
                cat("the old cache's list of files cannot be read. Their contents are in '",
                    (cache_ / "").native(),
                    "', each named by its id in Drive; which of them were not sent cannot be known "
                    "without the list, nor from their times. Copy that folder elsewhere before "
                    "google-drive-ocamlfuse starts again, since it may empty it"));
  }

  Status copy_all() {
    auto rescue = rescue::Rescue::into(target_, cache_);
    if (rescue.failed_with(ErrorCode::kReadOnly)) {
      return wrap(rescue.error(), "name another folder with --to DIR");
    }
    if (!rescue.ok()) return std::move(rescue).error();
    for (const UnsentFile& file : files_) {
      if (!is_there(file)) {
        tell_found(file);
        continue;
      }
      const auto rescued =
          rescue->copy(context_.cancel, file, [&](Bytes bytes) { telling_->copied(file, bytes); });
      if (rescued.ok()) {
        telling_->tell(file, rescued->was_there ? Fate::kThere : Fate::kRescued,
                       rescued->file.native(), nullptr);
      } else if (ends_all(rescued.error().code)) {
        return wrap(rescued.error(), rescue::joined(file.path));
      } else {
        tell_failed(file, rescued.error());
      }
    }
    return {};
  }

  // The next file would fare no better.
  static bool ends_all(ErrorCode code) {
    return code == ErrorCode::kNoSpace || code == ErrorCode::kCancelled;
  }

  // Of one that is not copied, for whatever reason.
  void tell_found(const UnsentFile& file) {
    switch (file.content) {
      case UnsentFile::Content::kThere: {
        const fs::path place = target_.empty() ? fs::path() : target_ / rescue::joined(file.path);
        telling_->tell(file, Fate::kFound, place.native(), nullptr);
        break;
      }
      case UnsentFile::Content::kLost:
        telling_->tell(file, Fate::kLost, "", nullptr);
        break;
      case UnsentFile::Content::kUnusable:
        tell_failed(file, {ErrorCode::kUnsupported, file.problem});
        break;
    }
  }

  void tell_failed(const UnsentFile& file, const Error& error) {
    telling_->tell(file, Fate::kFailed, "", &error);
  }

  std::uint64_t count(Fate fate) const { return telling_ ? telling_->count(fate) : 0; }

  void print_summary() const {
    std::string text;
    const auto add = [&](const std::string& part) { text += cat(text.empty() ? "" : "; ", part); };
    const auto files = [&](Fate fate) { return control::counted(count(fate), "file"); };
    if (count(Fate::kFound) > 0) {
      add(cat("would copy ", files(Fate::kFound), ", ", format_size(telling_->bytes(Fate::kFound)),
              target_.empty() ? ", once Drive is mounted, or with --to DIR"
                              : cat(", to ", target_.native())));
    }
    if (count(Fate::kRescued) > 0) {
      add(cat("rescued ", files(Fate::kRescued), ", ", format_size(telling_->bytes(Fate::kRescued)),
              ", to ", target_.native()));
    }
    if (count(Fate::kThere) > 0) {
      add(cat(files(Fate::kThere), " already there",
              count(Fate::kRescued) > 0 ? "" : cat(" in ", target_.native())));
    }
    if (count(Fate::kLost) > 0) add(cat(files(Fate::kLost), " lost"));
    if (count(Fate::kFailed) > 0) add(cat(files(Fate::kFailed), " could not be copied"));
    if (text.empty()) text = "nothing was left unsent";
    std::cout << text << std::endl;
    const bool in_drive = arguments_.to.empty() && count(Fate::kRescued) > 0;
    if (in_drive) std::cout << "`driveway flush` returns when Drive has them" << std::endl;
  }

  void print_document(const Status& done) const {
    json document = {{"label", arguments_.label},
                     {"cache", cache_.empty() ? json() : json(cache_.native())},
                     {"to", target_.empty() ? json() : json(target_.native())},
                     {"dry_run", arguments_.dry_run},
                     {"files", telling_ ? telling_->document() : json::array()}};
    for (std::size_t i = 0; i < kFates; ++i) {
      const auto fate = static_cast<Fate>(i);
      document[name_of(fate)] = count(fate);
    }
    document["state"] = !done.ok() ? "failed" : count(Fate::kFailed) > 0 ? "partly" : "done";
    if (!done.ok()) {
      document["code"] = to_string(done.error().code);
      document["message"] = done.error().to_string();
    }
    std::cout << document.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
  }

  const Settings& settings_;
  const ImportGdfuseArguments& arguments_;
  const Context& context_;
  Clock& clock_;
  fs::path cache_;
  fs::path target_;
  std::vector<UnsentFile> files_;
  std::optional<Telling> telling_;
};

}  // namespace

ExitStatus import_gdfuse(const Settings& settings, const ImportGdfuseArguments& arguments) {
  const InterruptGuard interrupt;
  SystemClock clock;
  const Context context{.cancel = interrupt.token()};
  return Import(settings, arguments, context, clock).run();
}

}  // namespace driveway::cli
