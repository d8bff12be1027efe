#include "cli/mount_helper.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "cli/settings.h"

namespace driveway::cli {
namespace {

// They are for whoever reads fstab, or say what the kernel does with a mount of ours anyway.
constexpr std::array<std::string_view, 24> kNotForUs = {
    "defaults", "auto",     "noauto",     "user",        "nouser",        "users",
    "owner",    "group",    "nofail",     "_netdev",     "async",         "atime",
    "diratime", "relatime", "norelatime", "strictatime", "nostrictatime", "lazytime",
    "loud",     "silent",   "nodiratime", "nolazytime",  "iversion",      "noiversion"};
constexpr std::array<std::string_view, 7> kNotForUsPrefixes = {
    "x-", "X-", "user=", "comment", "uhelper", "helper=", "vers="};
// Settings that are flags of driveway mount: they need no value.
constexpr std::array<std::string_view, 2> kFlags = {"acknowledge-abuse", "lost-and-found"};
// Those that have a value in the call.
constexpr std::string_view kTakesValue = "otN";

bool is_for_fstab(std::string_view option) {
  return std::find(kNotForUs.begin(), kNotForUs.end(), option) != kNotForUs.end() ||
         std::any_of(kNotForUsPrefixes.begin(), kNotForUsPrefixes.end(),
                     [&](std::string_view prefix) { return option.starts_with(prefix); });
}

// The OAuth client is the login's alone, and its secret would be shown by the table of processes.
bool is_mount_setting(std::string_view name) {
  const auto names = Settings::names();
  return std::find(names.begin(), names.end(), name) != names.end() &&
         !name.starts_with("client-") && name != "read-only";
}

struct Options {
  std::vector<std::string> flags;
  std::vector<std::string> kernel;
};

Status add_option(std::string_view option, Options& options) {
  if (option.empty() || is_for_fstab(option)) return {};
  const std::string_view name = option.substr(0, option.find('='));
  if (is_mount_setting(name)) {
    const bool is_flag = std::find(kFlags.begin(), kFlags.end(), option) != kFlags.end();
    if (!is_flag && name.size() + 1 >= option.size()) {
      return Error{ErrorCode::kInvalidArgument,
                   cat("option ", name, " needs a value: ", name, "=…")};
    }
    options.flags.push_back(cat("--", option));
    return {};
  }
  if (name.starts_with("client-")) {
    return Error{ErrorCode::kInvalidArgument,
                 cat("option ", name, " belongs to driveway login, or into config.toml")};
  }
  if (name == "remount") {
    return Error{ErrorCode::kInvalidArgument,
                 "a mounted Drive cannot be changed by remount: unmount it, then mount it anew"};
  }
  options.kernel.emplace_back(option == "read-only" ? "ro" : option);
  return {};
}

Status add_options(std::string_view list, Options& options) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    DRIVEWAY_CHECK(add_option(list.substr(0, comma), options));
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return {};
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += cat(text.empty() ? "" : ",", part);
  return text;
}

// One cluster of letters, such as -sv; `next` is the argument after it.
Status add_letters(std::string_view letters, std::optional<std::string_view> next, bool& took_next,
                   MountHelperCall& call, Options& options) {
  for (std::size_t i = 0; i < letters.size(); ++i) {
    const char letter = letters[i];
    if (kTakesValue.find(letter) != std::string_view::npos) {
      std::string_view value = letters.substr(i + 1);
      if (value.empty()) {
        if (!next) return Error{ErrorCode::kInvalidArgument, cat("-", letter, " needs a value")};
        value = *next;
        took_next = true;
      }
      return letter == 'o' ? add_options(value, options) : Status();
    }
    if (letter == 'f') call.is_fake = true;
    if (letter == 'r') options.kernel.emplace_back("ro");
    if (std::string_view("sfnvrw").find(letter) == std::string_view::npos) {
      return Error{ErrorCode::kInvalidArgument, cat("unknown flag -", letter)};
    }
  }
  return {};
}

}  // namespace

bool is_mount_helper(std::string_view program) {
  return std::filesystem::path(program).filename() == "mount.fuse.driveway";
}

Result<MountHelperCall> parse_mount_helper(const std::vector<std::string>& arguments) {
  MountHelperCall call;
  Options options;
  std::vector<std::string> places;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-') {
      places.push_back(argument);
      continue;
    }
    std::optional<std::string_view> next;
    if (i + 1 < arguments.size()) next = arguments[i + 1];
    bool took_next = false;
    DRIVEWAY_CHECK(
        add_letters(std::string_view(argument).substr(1), next, took_next, call, options));
    if (took_next) ++i;
  }
  if (places.size() != 2) {
    return Error{
        ErrorCode::kInvalidArgument,
        "usage: mount -t fuse.driveway none DIR [-o OPT[,OPT…]]; see mount.fuse.driveway(8)"};
  }
  call.arguments = {"driveway", "mount"};
  call.arguments.insert(call.arguments.end(), options.flags.begin(), options.flags.end());
  if (!options.kernel.empty()) {
    call.arguments.insert(call.arguments.end(), {"-o", joined(options.kernel)});
  }
  call.arguments.insert(call.arguments.end(), {"--", places[1]});
  return call;
}

int mount_helper_status(ExitStatus status) {
  switch (status) {
    case ExitStatus::kDone:
      return 0;
    case ExitStatus::kUsage:
      return 1;
    case ExitStatus::kInterrupted:
      return 8;
    default:
      return 32;
  }
}

}  // namespace driveway::cli
