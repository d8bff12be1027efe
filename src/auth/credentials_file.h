// Files of credentials that others write: gcloud, the Cloud console (oauth reference 8).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "auth/credential.h"
#include "auth/grant.h"
#include "auth/token_endpoint.h"
#include "base/clock.h"
#include "base/result.h"

namespace driveway::auth {

// What the grants of such files are made with. `http` and `clock` must outlive them.
struct CredentialsParts {
  TokenEndpoint endpoint;
  http::HttpClient& http;
  Clock& clock;
  std::string quota_project;  // goes before the file's own, unless empty
  std::string subject;        // for a service account: the user to act for; "" = itself
  std::string scope{kScopeDrive};
};

// By the file's type: authorized_user, service_account, impersonated_service_account, or
// external_account. It is read and never written, and read
// anew when it has changed: a refresh token that Google gives anew is kept in memory. It belongs to
// the user; that others may read it is only warned of. `name`: what the user knows it by, such as
// "GOOGLE_APPLICATION_CREDENTIALS"; `remedy` is for texts. Errors: kLoginNeeded, which names the
// type found and what is supported; kInvalidArgument for a subject of another type.
Result<std::unique_ptr<Grant>> open_credentials_file(const std::filesystem::path& path,
                                                     const std::string& name,
                                                     const std::string& remedy,
                                                     const CredentialsParts& parts);

// Of what stands in such a file. `of` and `remedy` are for texts. Errors: as above.
Result<std::unique_ptr<Grant>> grant_of_credentials(const nlohmann::json& json,
                                                    const std::string& of,
                                                    const std::string& remedy,
                                                    const CredentialsParts& parts);

}  // namespace driveway::auth
