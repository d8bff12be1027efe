// Which credential is used.
#pragma once

#include <memory>
#include <string>

#include "auth/environment.h"
#include "auth/method.h"
#include "auth/token_source.h"
#include "base/clock.h"
#include "base/result.h"
#include "http/http_client.h"

namespace driveway::auth {

struct SourceOptions {
  std::string account{};  // --account; empty = not given
  Method method{};        // --with
  std::string subject{};  // --subject: whom a service account acts for; empty = for itself
};

// What `method` says. Auto is, in this order (oauth reference 0): the stored login that `account`
// names, and nothing else if it names one other than "default"; the token in DRIVEWAY_ACCESS_TOKEN;
// the stored login "default"; the file of GOOGLE_APPLICATION_CREDENTIALS (set but missing or not
// understood is an error, not passed over: oauth reference 8), else gcloud's, else Colab's; the
// metadata server, which is looked for, for a second, when the first token is wanted: where there
// is none, that fails as where there is no login at all. Reads files, runs nothing and asks nothing
// of the network. `http` and `clock` must outlive the source. Errors: kLoginNeeded with what to do,
// kInvalidArgument for a name that cannot be one, or that stands beside a method which uses no
// stored login, and for a subject of what is no service account.
Result<std::unique_ptr<TokenSource>> choose_source(const SourceOptions& options,
                                                   const Environment& environment,
                                                   http::HttpClient& http, Clock& clock);

}  // namespace driveway::auth
