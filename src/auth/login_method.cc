#include "auth/login_method.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace driveway::auth {

namespace {

struct LoginForm {
  LoginMethod::Kind kind;
  std::string_view name;
  std::string_view argument;  // "" = it takes none
};
constexpr std::array<LoginForm, 3> kLoginForms = {{
    {LoginMethod::Kind::kBrowser, "browser", ""},
    {LoginMethod::Kind::kGdfuse, "gdfuse", "LABEL"},
    {LoginMethod::Kind::kRclone, "rclone", "REMOTE"},
}};

const LoginForm* find_login_form(std::string_view name) {
  const auto* const form = std::find_if(kLoginForms.begin(), kLoginForms.end(),
                                        [&](const LoginForm& one) { return one.name == name; });
  return form == kLoginForms.end() ? nullptr : form;
}

}  // namespace

bool is_login_method(std::string_view name) { return find_login_form(name) != nullptr; }

Result<LoginMethod> parse_login_method(std::string_view text) {
  if (text.empty()) return LoginMethod{};
  const auto equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::string_view argument =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const LoginForm* const form = find_login_form(name);
  if (form != nullptr && form->argument.empty() == (equals == std::string_view::npos) &&
      form->argument.empty() == argument.empty()) {
    return LoginMethod{form->kind, std::string(argument)};
  }
  std::string forms;
  for (const LoginForm& one : kLoginForms) {
    forms += cat(forms.empty() ? "" : ", ", one.name);
    if (!one.argument.empty()) forms += cat("=<", one.argument, ">");
  }
  return Error{ErrorCode::kInvalidArgument,
               cat("\"", name, "\" is none of ", forms,
                   ", the ways to log in. Others need no login: `driveway mount --with` lists "
                   "them")};
}

}  // namespace driveway::auth
