// Do the mounts that are there answer.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "doctor/finding.h"

namespace driveway::doctor {

enum class MountLook {
  kAnswers,
  kDead,
  kSilent,
  kHidden  // another user's
};

// Looks at the driveway mounts in `mountinfo` (/proc/self/mountinfo) by `look`, which must not
// hang; no further ones once the context has ended. "mounts".
Finding check_mounts(const Context& context, const Clock& clock, std::string_view mountinfo,
                     const std::function<MountLook(const std::string& mountpoint)>& look);

}  // namespace driveway::doctor
