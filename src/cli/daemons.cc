#include "cli/daemons.h"

#include <iterator>

#include "cli/mount_record.h"

namespace driveway::cli {

std::vector<control::Daemon> running_daemons(Clock& clock) {
  std::vector<control::Daemon> daemons;
  for (const auto& folder : control::runtime_directories()) {
    end_killed_mounts(folder, clock);  // who looks may want the account's folder
    auto found = control::find_daemons(folder, clock);
    std::move(found.begin(), found.end(), std::back_inserter(daemons));
  }
  return daemons;
}

}  // namespace driveway::cli
