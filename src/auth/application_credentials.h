// The file that GOOGLE_APPLICATION_CREDENTIALS names.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "auth/refresh_token_grant.h"
#include "base/result.h"

namespace driveway::auth {

// The file is read and never written: a refresh token that Google gives anew is kept in memory. It
// belongs to the user; that others may read it is only warned of. Errors: kLoginNeeded, which names
// the type found and what is supported. `quota_project`, unless empty, goes before the file's own.
Result<std::unique_ptr<CredentialHome>> open_application_credentials(
    const std::filesystem::path& path, std::string quota_project);

}  // namespace driveway::auth
