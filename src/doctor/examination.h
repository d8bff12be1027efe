// `driveway doctor`: all checks in their order, each with a deadline of its own.
//
// A check that makes no sense because another one failed says so, and is not made. The first half
// asks this machine alone, and forks: call it before threads are started. The second half asks
// Google. Neither needs a mount or a login.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "auth/token_source.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "doctor/finding.h"
#include "doctor/mount_check.h"
#include "http/http_client.h"

namespace driveway::doctor {

// Called with each finding as soon as it is there.
using Tell = std::function<void(const Finding& finding)>;

struct Examiner {
  const Context& context;  // ends all of it; what is left is not told then
  Clock& clock;
  Duration patience;  // for one check
  Tell tell;
};

struct Machine {
  std::filesystem::path fuse_device = "/dev/fuse";
  std::filesystem::path process_status = "/proc/self/status";
  std::filesystem::path mountinfo = "/proc/self/mountinfo";
  std::filesystem::path kernel_configs = "/boot";  // config-RELEASE
  std::string kernel_release{};                    // as uname(2) has it
  std::string search_path{};                       // PATH
  std::filesystem::path cache_folder{};            // as --cache-dir has it
  double min_free = 0.05;                          // as --min-free-disk has it
  std::function<MountLook(const std::string& mountpoint)> look_at_mount{};
};
void examine_machine(const Examiner& examiner, const Machine& machine);

struct Account {
  std::string api_url;
  std::string oauth_url;
  std::string roots;       // which certificates are trusted
  std::string proxy;       // the variable that names one; empty = none
  bool read_only = false;  // a mount would be for reading only
  http::HttpClient& http;
  // As auth::choose_source gave it.
  const Result<std::unique_ptr<auth::TokenSource>>& source;
};
void examine_account(const Examiner& examiner, const Account& account);

}  // namespace driveway::doctor
