// How `driveway login` comes by a login: the METHOD of its --with.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace driveway::auth {

struct LoginMethod {
  enum class Kind {
    kBrowser,  // browser: one URL, one paste (login.h)
    kGdfuse,   // gdfuse=LABEL: the login of google-drive-ocamlfuse is taken over (gdfuse_login.h)
    kRclone,   // rclone=REMOTE: that of an entry of rclone.conf (rclone_login.h)
  } kind = Kind::kBrowser;
  std::string argument{};  // LABEL, REMOTE

  bool is_import() const { return kind == Kind::kGdfuse || kind == Kind::kRclone; }
};

// "" is browser. Errors: kInvalidArgument, which lists the forms.
Result<LoginMethod> parse_login_method(std::string_view text);

// Whether `name` begins a method of `driveway login`, and of nothing else.
bool is_login_method(std::string_view name);

}  // namespace driveway::auth
