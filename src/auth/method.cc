#include "auth/method.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "auth/login_method.h"
#include "base/hash.h"
#include "base/strings.h"

namespace driveway::auth {

namespace {

using Kind = Method::Kind;

struct Form {
  Kind kind;
  std::string_view name;
  std::string_view argument;  // "" = it takes none
};
constexpr std::array<Form, 8> kForms = {{
    {Kind::kAuto, "auto", ""},
    {Kind::kStored, "stored", ""},
    {Kind::kTokenFile, "token", "FILE"},
    {Kind::kCommand, "command", "CMD"},
    {Kind::kVariable, "env", ""},
    {Kind::kCredentials, "credentials", "FILE"},
    {Kind::kApplication, "adc", ""},
    {Kind::kMetadata, "metadata", ""},
}};

// What stands behind the equals sign may be a secret by mistake: it is not shown.
Error unknown(std::string_view name) {
  if (is_login_method(name)) {
    return Error{
        ErrorCode::kInvalidArgument,
        cat("\"", name, "\" makes a login, and is none to be used: run `driveway login --with ",
            name, "…` once, then this command without --with")};
  }
  std::string forms;
  for (const Form& form : kForms) {
    // In brackets, or it would be taken for a secret, and taken out.
    forms += cat(forms.empty() ? "" : ", ", form.name);
    if (!form.argument.empty()) forms += cat("=<", form.argument, ">");
  }
  return Error{ErrorCode::kInvalidArgument, cat("\"", name, "\" is none of ", forms)};
}

std::string_view name_of(Kind kind) {
  return std::find_if(kForms.begin(), kForms.end(),
                      [&](const Form& form) { return form.kind == kind; })
      ->name;
}

// The daemon has another working directory.
std::string absolute(std::string path) {
  std::error_code failed;
  const auto whole = std::filesystem::absolute(path, failed);
  return failed ? std::move(path) : whole.lexically_normal().string();
}

}  // namespace

std::string Method::label() const {
  if (!is_explicit()) return "";
  if (kind == Kind::kCommand) {
    return cat("command ", hash_hex(HashKind::kSha256, argument).substr(0, 8));
  }
  return argument.empty() ? std::string(name_of(kind)) : cat(name_of(kind), "=", argument);
}

Result<Method> parse_method(std::string_view text) {
  const auto equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  const std::string_view argument =
      equals == std::string_view::npos ? std::string_view() : text.substr(equals + 1);
  const auto* const form =
      std::find_if(kForms.begin(), kForms.end(), [&](const Form& one) { return one.name == name; });
  if (form == kForms.end()) return unknown(name);
  if (form->argument.empty() != (equals == std::string_view::npos) ||
      form->argument.empty() != argument.empty()) {
    return unknown(name);
  }
  Method method{form->kind, std::string(argument)};
  if (form->argument == "FILE") method.argument = absolute(std::move(method.argument));
  if (form->kind == Kind::kCommand) DRIVEWAY_CHECK(split_command(argument));
  return method;
}

Result<std::vector<std::string>> split_command(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n')) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      words.back() += text[++i];
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  if (quote != 0) return Error{ErrorCode::kInvalidArgument, "the command has an open quote"};
  if (words.empty() || words.front().empty()) {
    return Error{ErrorCode::kInvalidArgument, "the command is empty"};
  }
  return words;
}

}  // namespace driveway::auth
