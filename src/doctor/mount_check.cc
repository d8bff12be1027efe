#include "doctor/mount_check.h"

#include <utility>

#include "base/mount_table.h"
#include "base/strings.h"

namespace driveway::doctor {
namespace {

constexpr std::string_view kMounts = "mounts";
constexpr std::string_view kOurType = "fuse.driveway";

// "a, b, c"
class List {
 public:
  void add(std::string_view what) { text_ += cat(text_.empty() ? "" : ", ", what); }
  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }

 private:
  std::string text_;
};

}  // namespace

Finding check_mounts(const Context& context, const Clock& clock, std::string_view mountinfo,
                     const std::function<MountLook(const std::string& mountpoint)>& look) {
  List found;
  List remedies;
  for (const FileSystem& each : parse_mount_table(mountinfo)) {
    if (each.type != kOurType) continue;
    if (!context.check(clock).ok()) {
      found.add(cat(each.mountpoint, " was not looked at"));
      continue;
    }
    switch (look(each.mountpoint)) {
      case MountLook::kAnswers:
        found.add(cat(each.mountpoint, " answers"));
        break;
      case MountLook::kHidden:
        found.add(cat(each.mountpoint, " is not for this user to see"));
        break;
      case MountLook::kDead:
        found.add(cat(each.mountpoint, " is dead: its daemon has gone"));
        remedies.add(cat("driveway mount ", each.mountpoint));
        break;
      case MountLook::kSilent:
        found.add(cat(each.mountpoint, " does not answer: its daemon hangs"));
        remedies.add(cat("driveway unmount --force ", each.mountpoint, " && driveway mount ",
                         each.mountpoint));
        break;
    }
  }
  if (found.empty()) return ok(kMounts, "no Drive is mounted");
  if (remedies.empty()) return ok(kMounts, found.text());
  return fail(kMounts, found.text(), remedies.text());
}

}  // namespace driveway::doctor
