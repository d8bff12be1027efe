// How the front comes by the right to use a Drive, and what it says meanwhile: scripts look for
// these lines (compatibility reference, Command line).
#pragma once

#include <string>
#include <string_view>

#include "auth/credential.h"
#include "auth/gdfuse_login.h"
#include "base/result.h"
#include "base/secret.h"
#include "cli/settings.h"

namespace driveway::ocamlfuse {

// The message of the error where a code was not taken; its cause says why.
inline constexpr std::string_view kNoTokens = "Cannot retrieve auth tokens.";

struct Authorisation {
  std::string account;          // the stored login's name
  auth::GdfusePlace old_place;  // where the old program would have its login
  // The OAuth client to log in with; "": the environment's, or config.toml's.
  auth::ClientIdentity client{};
  bool client_is_asked_for = false;  // it stands on this command line
  bool read_only = false;            // the right to read only
  bool headless = false;             // no browser is opened
  bool device = false;               // a code is typed elsewhere, for the scope drive.file alone
  bool checks = false;               // a stored login is tried; where it has ended, it is made anew
  std::string browser{};
  int port = 0;  // of the loopback address; 0: any
};

// Ok when there is a credential. Says nothing, unless somebody has to log in. Where the settings
// name a source of tokens (--with), that is it. Else in this order: the stored login of that name,
// if its client is the one that is asked for; the old program's login, which is taken over; where
// no client is asked for, whatever else gives tokens (choose_source.h); a new login, which a later
// call may finish. Errors: those of its parts, "what to do" included.
Status authorise(const Authorisation& wish, const cli::Settings& settings);

}  // namespace driveway::ocamlfuse
